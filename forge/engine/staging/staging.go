// Package staging writes files and directories under a temporary name beside
// their destination and renames them into place, so that a destination is
// always either the old result or the new one.
//
// Every temporary name is noted in a journal directory first. A process that
// is killed leaves its temporary names there, and Sweep, called by any later
// process, removes them. Temporary names hold the pid and the start time of
// their owner, so Sweep never touches what a living process writes.
package staging

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// marker is the part of a temporary name that tells it from all other names.
const marker = ".akmon-tmp-"

// Stage is one destination that is being written.
type Stage struct {
	// Path is where to write: it does not exist yet, its directory does.
	Path string

	dest    string
	journal string
}

// New prepares a temporary name for dest. The directory of dest is created if
// it is missing. journalDir may be empty, and then nothing is noted.
func New(journalDir, dest string) (*Stage, error) {
	path, err := filepath.Abs(dest)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", dest, err)
	}

	// A destination that is a symbolic link stays one.
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}

	dest = path
	dir, base := filepath.Split(dest)
	if base == "" {
		return nil, fmt.Errorf("%s can't be replaced", dest)
	}

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the directory of %s: %w", dest, err)
	}

	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("naming a temporary file: %w", err)
	}

	owner := fmt.Sprintf("%d-%d-%s", os.Getpid(), startTime(os.Getpid()), hex.EncodeToString(random[:]))
	stage := &Stage{Path: filepath.Join(dir, "."+base+marker+owner), dest: dest}

	if journalDir != "" {
		if err := os.MkdirAll(journalDir, 0o700); err != nil {
			return nil, fmt.Errorf("creating the journal of exports: %w", err)
		}

		stage.journal = filepath.Join(journalDir, owner)
		if err := os.WriteFile(stage.journal, []byte(stage.Path), 0o600); err != nil {
			return nil, fmt.Errorf("noting an export: %w", err)
		}
	}

	return stage, nil
}

// Discard removes what was written. After Replace or Merge it does nothing.
func (s *Stage) Discard() error {
	if s.Path == "" {
		return nil
	}

	err := removeAll(s.Path)
	if err == nil && s.journal != "" {
		err = os.Remove(s.journal)
	}

	s.Path = ""

	if err != nil {
		return fmt.Errorf("removing a temporary export: %w", err)
	}

	return nil
}

// Replace puts what was written in the place of the destination. An existing
// directory is exchanged in one step where the file system can, and removed
// afterwards with all that is in it: callers make sure that it is theirs. A
// file never replaces a directory, nor a directory a file.
func (s *Stage) Replace() error {
	if err := s.replace(); err != nil {
		return fmt.Errorf("putting %s in place: %w", s.dest, err)
	}

	return s.Discard()
}

func (s *Stage) replace() error {
	made, err := os.Lstat(s.Path)
	if err != nil {
		return err
	}

	if have, err := os.Lstat(s.dest); err == nil && have.IsDir() != made.IsDir() {
		return fmt.Errorf("there is a %s where a %s should be", kind(have.IsDir()), kind(made.IsDir()))
	}

	// unix.Rename, as os.Rename takes no directory for a destination, not even
	// an empty one.
	err = unix.Rename(s.Path, s.dest)
	if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}

	if unix.Renameat2(unix.AT_FDCWD, s.Path, unix.AT_FDCWD, s.dest, unix.RENAME_EXCHANGE) == nil {
		return nil
	}

	// No exchange here (NFS, some FUSE): there is a moment without the
	// destination, but never a moment with half of it.
	if err := removeAll(s.dest); err != nil {
		return err
	}

	return unix.Rename(s.Path, s.dest)
}

// Merge moves the entries of the directory that was written into the
// destination directory, file by file, and keeps what else is there. A file
// never takes the place of a directory, nor a directory that of a file; that
// is found out before anything is moved.
func (s *Stage) Merge() error {
	if _, err := os.Lstat(s.dest); errors.Is(err, fs.ErrNotExist) {
		return s.Replace()
	}

	var files, dirs []string

	err := filepath.WalkDir(s.Path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		rel, err := filepath.Rel(s.Path, path)
		if err != nil {
			return err
		}

		target := filepath.Join(s.dest, rel)

		if have, err := os.Lstat(target); err == nil && have.IsDir() != entry.IsDir() {
			return fmt.Errorf("%s is in the way of an exported %s", target, kind(entry.IsDir()))
		}

		if entry.IsDir() {
			dirs = append(dirs, rel)
		} else {
			files = append(files, rel)
		}

		return nil
	})
	if err != nil {
		return fmt.Errorf("comparing with %s: %w", s.dest, err)
	}

	for _, rel := range dirs {
		if err := s.mergeDir(rel); err != nil {
			return err
		}
	}

	for _, rel := range files {
		if err := os.Rename(filepath.Join(s.Path, rel), filepath.Join(s.dest, rel)); err != nil {
			return fmt.Errorf("moving an exported file: %w", err)
		}
	}

	return s.Discard()
}

func (s *Stage) mergeDir(rel string) error {
	info, err := os.Stat(filepath.Join(s.Path, rel))
	if err != nil {
		return fmt.Errorf("reading an exported directory: %w", err)
	}

	if err := os.Mkdir(filepath.Join(s.dest, rel), info.Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating an exported directory: %w", err)
	}

	return nil
}

// removeAll is os.RemoveAll for trees with directories that their owner can't
// write to, as exported file systems may have.
func removeAll(path string) error {
	if err := os.RemoveAll(path); err == nil {
		return nil
	}

	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}

		return nil
	})

	return os.RemoveAll(path)
}

func kind(dir bool) string {
	if dir {
		return "directory"
	}

	return "file"
}
