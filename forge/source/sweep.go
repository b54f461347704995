package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A temporary file or directory is locked (flock) by the process that writes
// it, so that anybody can tell whether that one still lives.

// hatching is how long a temporary name may stand empty and unlocked, because
// its process is about to lock it.
const hatching = time.Minute

// temporaries are the folders with temporary names, and how these begin.
// Interrupted downloads are none: they are gone on with.
var temporaries = map[string][]string{
	"partial": {"add-", stagePrefix, scratchPrefix},
	"go":      {".tree-"},
	"meta":    {"."},
	"h1":      {"."},
	"images":  {"."},
}

// Hold locks a temporary file or directory until it is closed.
func Hold(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}

	return file, nil
}

// Sweep removes what processes that died were writing. It is quick, and may be
// called at any time.
func (s *Store) Sweep() error {
	for folder, prefixes := range temporaries {
		for _, prefix := range prefixes {
			if err := SweepDir(filepath.Join(s.root, folder), prefix); err != nil {
				return fmt.Errorf("remove what a killed process left in the source store: %w", err)
			}
		}
	}

	return nil
}

// SweepDir removes the entries of dir whose names begin with prefix and that
// nobody holds. A directory that does not exist, or may not be written to, has
// nothing to remove.
func SweepDir(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreAbsent(err)
	}

	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}

		path := filepath.Join(dir, e.Name())

		held, err := Hold(path)
		if err != nil {
			continue // somebody's, or gone
		}

		if abandoned(held) {
			err = os.RemoveAll(path)
		}

		err = errors.Join(err, held.Close())
		if err != nil && !errors.Is(err, unix.EROFS) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}

	return nil
}

// abandoned tells whether an unlocked temporary name is that of a process that
// died, rather than of one that has only just made it.
func abandoned(held *os.File) bool {
	info, err := held.Stat()
	if err != nil {
		return false
	}

	empty := info.Size() == 0

	if info.IsDir() {
		names, _ := held.Readdirnames(1) //nolint:errcheck // what can't be read counts as empty
		empty = len(names) == 0
	}

	// A time to come means that the clock was set back since.
	return !empty || time.Since(info.ModTime()).Abs() > hatching
}
