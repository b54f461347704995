package publish

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// tarFS is the regular files of a tar archive, read where they are. The archive
// stays open as long as the process runs: it is one that a command reads.
type tarFS struct {
	archive *os.File
	entries map[string]tarEntry
}

type tarEntry struct {
	header *tar.Header
	offset int64
}

// openTar finds the files of an archive. It must not be compressed.
func openTar(name string) (_ *tarFS, err error) {
	archive, err := os.Open(name)
	if err != nil {
		return nil, err
	}

	defer func() {
		if err != nil {
			archive.Close()
		}
	}()

	t := &tarFS{archive: archive, entries: map[string]tarEntry{}}

	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}

		if err != nil {
			return nil, fmt.Errorf("read tar: %w", err)
		}

		if header.Typeflag != tar.TypeReg {
			continue
		}

		// The reader takes no more from the file than the header.
		offset, err := archive.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}

		t.entries[path.Clean(header.Name)] = tarEntry{header, offset}
	}
}

// Open implements fs.FS.
func (t *tarFS) Open(name string) (fs.File, error) {
	e, ok := t.entries[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}

	return tarFile{io.NewSectionReader(t.archive, e.offset, e.header.Size), e.header}, nil
}

type tarFile struct {
	*io.SectionReader

	header *tar.Header
}

func (f tarFile) Stat() (fs.FileInfo, error) { return f.header.FileInfo(), nil }
func (f tarFile) Close() error               { return nil }
