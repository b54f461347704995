package deb

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
)

// MaxControl is the most that the unpacked control archive of a package may
// hold, in bytes.
const MaxControl = 64 << 20

// Data returns the tar stream of the files in the binary package that r
// yields. The package must be of format 2.0, its members in their documented
// order (debian-binary, control.tar, data.tar), compressed with gzip, xz, zstd
// or not at all. The caller closes the stream.
func Data(r io.Reader) (io.ReadCloser, error) {
	return member(r, "data.tar")
}

// Control returns the control paragraph of the binary package that r yields.
func Control(r io.Reader) (Paragraph, error) {
	stream, err := member(r, "control.tar")
	if err != nil {
		return nil, err
	}
	defer stream.Close()

	files := tar.NewReader(io.LimitReader(stream, MaxControl))

	for {
		header, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("look for the control file: %w", noEOF(err))
		}

		if strings.TrimPrefix(header.Name, "./") != "control" {
			continue
		}

		paragraphs := NewReader(files)

		return paragraphs.Next()
	}
}

// member finds the member of an ar(5) archive whose name is stem or stem and
// the suffix of a compression, and returns what it unpacks to.
func member(r io.Reader, stem string) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 128<<10)

	magic := make([]byte, 8)
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, errors.New("read package: it is not an ar archive")
	}

	for first := true; ; first = false {
		name, size, err := arHeader(in)
		if err != nil {
			return nil, fmt.Errorf("read package: look for %s: %w", stem, err)
		}

		body := &io.LimitedReader{R: in, N: size}

		if first {
			if err := checkFormat(name, body); err != nil {
				return nil, err
			}
		}

		if suffix, ok := strings.CutPrefix(name, stem); ok {
			return decompress(body, suffix)
		}

		if _, err := io.Copy(io.Discard, body); err != nil || body.N > 0 {
			return nil, fmt.Errorf("read package: skip %s: %w", name, noEOF(err))
		}

		if size%2 == 1 {
			if _, err := in.ReadByte(); err != nil {
				return nil, fmt.Errorf("read package: look for %s: %w", stem, noEOF(err))
			}
		}
	}
}

func checkFormat(name string, body io.Reader) error {
	version, err := io.ReadAll(io.LimitReader(body, 64))
	if err != nil {
		return fmt.Errorf("read package format: %w", err)
	}

	if name != "debian-binary" || !bytes.HasPrefix(version, []byte("2.")) {
		return fmt.Errorf("read package: its first member is %q with %q, want debian-binary with 2.0", name, version)
	}

	return nil
}

// arHeader reads the 60 bytes before a member: name 16, time 12, owner 6,
// group 6, mode 8, size 10, and two of magic.
func arHeader(r io.Reader) (name string, size int64, err error) {
	head := make([]byte, 60)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", 0, noEOF(err)
	}

	if head[58] != '`' || head[59] != '\n' {
		return "", 0, errors.New("a member's header is damaged")
	}

	size, err = strconv.ParseInt(strings.TrimRight(string(head[48:58]), " "), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("a member's size is %q", head[48:58])
	}

	return strings.TrimRight(strings.TrimRight(string(head[:16]), " "), "/"), size, nil
}

func decompress(r io.Reader, suffix string) (io.ReadCloser, error) {
	switch suffix {
	case "":
		return io.NopCloser(r), nil
	case ".xz":
		return io.NopCloser(xz.NewReader(r)), nil
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("unpack zstd: %w", err)
		}

		return z.IOReadCloser(), nil
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("unpack gzip: %w", err)
		}

		return z, nil
	default:
		return nil, fmt.Errorf("read package: its archives are compressed as %q, which is not supported", suffix)
	}
}

// noEOF makes the end of a file that came too early an error of its own.
func noEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}

	return err
}
