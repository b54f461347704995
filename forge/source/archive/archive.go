// Package archive writes trees of files as tar archives that depend on nothing
// but the names, the contents, and whether a file is executable: the form in
// which what is not a file already enters the source store.
//
// An archive is POSIX.1-2001 (pax), with extended headers only where a name or
// a size needs them. Entries are in depth-first order, those of a directory in
// order of the bytes of their names, each directory before what is in it.
// Directories and executables have mode 0755, other files 0644, links 0777;
// owner and group are 0 without names, and the time is [Time].
//
// The sums of such archives stand in recipes: the form does not change.
package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Time is the modification time of every entry: the first that a ZIP archive
// can express, since some build systems make those.
var Time = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Writer writes an archive. The order of entries is the caller's.
type Writer struct {
	tar *tar.Writer
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{tar.NewWriter(w)} }

// Close writes the end of the archive; it does not close what it writes to.
func (w *Writer) Close() error { return w.tar.Close() }

// Dir adds a directory.
func (w *Writer) Dir(name string) error {
	return w.header(tar.TypeDir, name+"/", "", 0o755, 0)
}

// Link adds a symbolic link.
func (w *Writer) Link(name, target string) error {
	return w.header(tar.TypeSymlink, name, target, 0o777, 0)
}

// File adds a file of size bytes, which are read from r.
func (w *Writer) File(name string, executable bool, size int64, r io.Reader) error {
	mode := int64(0o644)
	if executable {
		mode = 0o755
	}

	if err := w.header(tar.TypeReg, name, "", mode, size); err != nil {
		return err
	}

	if _, err := io.CopyN(w.tar, r, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}

		return fmt.Errorf("archive %s: %w", name, err)
	}

	return nil
}

func (w *Writer) header(kind byte, name, target string, mode, size int64) error {
	if err := w.tar.WriteHeader(&tar.Header{
		Typeflag: kind, Name: name, Linkname: target, Mode: mode, Size: size, ModTime: Time, Format: tar.FormatPAX,
	}); err != nil {
		return fmt.Errorf("archive %s: %w", name, err)
	}

	return nil
}

// WriteDir writes everything below root. What is neither a directory nor a
// regular file nor a symbolic link is an error.
func WriteDir(ctx context.Context, w io.Writer, root *os.Root) error {
	out := NewWriter(w)

	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case name == ".":
			return nil
		default:
			return out.entry(root, name, entry)
		}
	})
	if err != nil {
		return fmt.Errorf("archive a directory: %w", err)
	}

	return out.Close()
}

func (w *Writer) entry(root *os.Root, name string, entry fs.DirEntry) error {
	switch entry.Type() {
	case fs.ModeDir:
		return w.Dir(name)
	case fs.ModeSymlink:
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}

		return w.Link(name, target)
	case 0:
	default:
		return fmt.Errorf("%s is neither a file nor a directory nor a link", name)
	}

	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return err
	}

	return w.File(name, info.Mode()&0o100 != 0, info.Size(), f)
}
