package machined

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// store keeps the configuration in a directory: that of the STATE partition when
// one is mounted there, else memory.
type store struct{ dir string }

func (s store) path() string { return filepath.Join(s.dir, "config.yaml") }

// Load implements config.Store.
func (s store) Load() ([]byte, error) {
	data, err := os.ReadFile(s.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}

	return data, nil
}

// Save implements config.Store: the old configuration stays whole until the new
// one is on the disk.
func (s store) Save(data []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}

	f, err := os.CreateTemp(s.dir, ".config-*")
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}

	defer os.Remove(f.Name()) //nolint:errcheck // gone already when all went well

	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}

	if err = os.Rename(f.Name(), s.path()); err != nil {
		return fmt.Errorf("put configuration in place: %w", err)
	}

	dir, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("sync state directory: %w", err)
	}
	defer dir.Close() //nolint:errcheck

	// The rename is on the disk once its directory is.
	if err = dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("sync state directory: %w", err)
	}

	return nil
}

// Persistent says whether the directory is on a disk.
func (s store) Persistent() bool {
	var fs unix.Statfs_t

	return unix.Statfs(s.dir, &fs) == nil && int64(fs.Type) != unix.TMPFS_MAGIC && int64(fs.Type) != unix.RAMFS_MAGIC
}
