//go:build !linux

package installer

import (
	"errors"
	"fmt"
	"os"
)

// Disk images can be made anywhere; installing to a device is for Linux.
var errNotLinux = errors.New("block devices are supported on Linux only")

func openExclusive(path string, device bool) (*os.File, error) {
	if device {
		return nil, fmt.Errorf("open disk %s: %w", path, errNotLinux)
	}

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}

	return f, nil
}

func sectorSize(*os.File) (int64, error) { return 0, errNotLinux }

func rereadTable(*os.File) error { return errNotLinux }

func attachedLoop(string) string { return "" }
