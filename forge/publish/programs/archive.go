package programs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
	"github.com/akmon-os/akmon/media/cpio"
)

// stream looks at cpio archives that follow one another, each compressed or
// not. Something else ends the search without an error: most compressed files
// are no archives.
func (s *search) stream(where []string, r io.Reader) error {
	var errs []error

	for buffered := bufio.NewReaderSize(r, 64<<10); ; {
		if err := skipZeros(buffered); err != nil {
			break // nothing follows; a broken stream was told of where it broke
		}

		head, err := buffered.Peek(HeadSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return failed(where, err)
		}

		switch k := kindOf(head); k {
		case cpioArchive:
			if err := s.cpio(where, buffered); err != nil {
				return errors.Join(append(errs, err)...)
			}
		case gzipped, xzipped, zstandard:
			// What follows is in the same stream, or not looked at.
			return errors.Join(append(errs, s.compressed(where, k, buffered))...)
		default:
			return errors.Join(errs...)
		}
	}

	return errors.Join(errs...)
}

// skipZeros reads the padding between archives; an error means the end.
func skipZeros(r *bufio.Reader) error {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}

		if b != 0 {
			return r.UnreadByte()
		}
	}
}

func (s *search) compressed(where []string, k kind, r io.Reader) error {
	var plain io.Reader

	switch k {
	case gzipped:
		z, err := gzip.NewReader(r)
		if err != nil {
			return failed(where, err)
		}

		plain = z
	case xzipped:
		plain = xz.NewReader(r)
	default:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return failed(where, err)
		}
		defer z.Close()

		plain = z
	}

	buffered := bufio.NewReaderSize(plain, 64<<10)

	// Only an archive: a compressed file within a compressed file is not one.
	if head, _ := buffered.Peek(HeadSize); kindOf(head) != cpioArchive {
		return nil
	}

	return s.stream(where, buffered)
}

func (s *search) cpio(where []string, r io.Reader) error {
	var errs []error

	for archive := cpio.NewReader(r); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(errs...)
		}

		if err != nil {
			return failed(where, errors.Join(append(errs, err)...))
		}

		const regular, mask = 0o100000, 0o170000
		if entry.Mode&mask != regular {
			continue
		}

		if err := s.spool(inside(where, entry.Path), archive); err != nil {
			errs = append(errs, err)
		}
	}
}

func inside(where []string, name string) []string {
	return append(slices.Clip(where), path.Join("/", name))
}

// squashfs looks at every file of a squashfs.
func (s *search) squashfs(where []string, image io.ReaderAt, size int64) (err error) {
	// The library trusts the numbers in the image.
	defer func() {
		if p := recover(); p != nil {
			err = failed(where, fmt.Errorf("damaged squashfs: %v", p))
		}
	}()

	root, err := squashfs.Read(storage(image, size), size, 0, 0)
	if err != nil {
		return failed(where, err)
	}

	var errs []error

	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}

		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read

		if err := s.packed(inside(where, name), f); err != nil {
			errs = append(errs, err)
		}

		return nil
	})
	if err != nil {
		errs = append(errs, failed(where, err))
	}

	return errors.Join(errs...)
}

// packed looks at a file in a squashfs. It is read into memory: a program is
// looked at here and there, and each look would unpack a block anew.
func (s *search) packed(where []string, f fs.File) error {
	head := make([]byte, HeadSize)

	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || !Worth(head[:n]) {
		return nil
	}

	if err != nil {
		return failed(where, err)
	}

	rest, err := io.ReadAll(f)
	if err != nil {
		return failed(where, err)
	}

	data := bytes.NewReader(append(head, rest...))

	return s.file(where, data, data.Size())
}

// storage presents an image to the library.
func storage(image io.ReaderAt, size int64) backend.Storage {
	return file.New(&section{io.NewSectionReader(image, 0, size)}, true)
}

// section is a part of memory or of a file as a file of its own.
type section struct{ *io.SectionReader }

func (s *section) Close() error               { return nil }
func (s *section) Stat() (fs.FileInfo, error) { return sectionInfo(s.Size()), nil }

type sectionInfo int64

func (i sectionInfo) Name() string       { return "image" }
func (i sectionInfo) Size() int64        { return int64(i) }
func (i sectionInfo) Mode() fs.FileMode  { return 0o444 }
func (i sectionInfo) ModTime() time.Time { return time.Time{} }
func (i sectionInfo) IsDir() bool        { return false }
func (i sectionInfo) Sys() any           { return nil }
