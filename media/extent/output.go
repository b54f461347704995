package extent

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Output is a file that gets its name only when it is complete. Write to
// File, then call Commit; a deferred Abort removes what was not committed.
type Output struct {
	File *os.File // the temporary file
	path string
	done bool
}

// Create opens a temporary file beside path, which Commit renames to path.
// The directory must exist.
func Create(path string, mode fs.FileMode) (*Output, error) {
	dir, base := filepath.Split(path)

	for range 100 {
		var r [6]byte
		if _, err := rand.Read(r[:]); err != nil {
			return nil, fmt.Errorf("naming a temporary file: %w", err)
		}

		f, err := os.OpenFile(filepath.Join(dir, "."+base+"."+hex.EncodeToString(r[:])+".tmp"),
			os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}

		if err != nil {
			return nil, Explain(path, err)
		}

		return &Output{File: f, path: path}, nil
	}

	return nil, fmt.Errorf("creating %s: no free temporary name", path)
}

// Commit closes the temporary file and gives it its name, replacing what was
// there. With sync it waits until the data is on the disk first.
func (o *Output) Commit(sync bool) error {
	if o.done {
		return fmt.Errorf("committing %s twice: %w", o.path, fs.ErrClosed)
	}

	var err error
	if sync {
		err = o.File.Sync()
	}

	if err = errors.Join(err, o.File.Close()); err == nil {
		err = os.Rename(o.File.Name(), o.path)
	}

	o.done = true

	if err != nil {
		_ = os.Remove(o.File.Name())
		return Explain(o.path, err)
	}

	return nil
}

// Abort removes the temporary file. After Commit it does nothing.
func (o *Output) Abort() {
	if o.done {
		return
	}

	o.done = true
	_ = o.File.Close()
	_ = os.Remove(o.File.Name())
}

// WriteFileAtomic writes the list to path by way of [Create]: on any error
// nothing is left behind and an earlier file at path is untouched.
func WriteFileAtomic(path string, l *List, mode fs.FileMode) error {
	o, err := Create(path, mode)
	if err != nil {
		return err
	}
	defer o.Abort()

	if err := l.WriteFile(o.File, 0); err != nil {
		return Explain(path, err)
	}

	return o.Commit(false)
}

// Explain wraps an error of writing path so that the frequent causes read as
// what to do: no space left, quota, read-only file system, closed pipe.
func Explain(path string, err error) error {
	var hint string

	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		hint = " (free some space or choose another place with --output; nothing was left behind)"
	case errors.Is(err, syscall.EDQUOT):
		hint = " (nothing was left behind)"
	case errors.Is(err, syscall.EFBIG):
		hint = " (the file system or a limit does not allow a file this large)"
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		hint = " (the reader went away)"
	}

	return fmt.Errorf("writing %s: %w%s", path, err, hint)
}
