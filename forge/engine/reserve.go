package engine

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserveBytes is room that is set aside in the state directory: deleting from
// the cache means writing to its indexes, which a full disk would not allow.
const reserveBytes = 4 << 20

// holdReserve sets the room aside if the disk has enough, and gives it up if
// it has not. It is a convenience: without it a full disk needs a reset, so no
// failure to make it is an error.
func holdReserve(dir string) {
	path := filepath.Join(dir, "reserve")

	if free, ok := freeBytes(dir); !ok || free < 2*reserveBytes {
		dropReserve(dir)

		return
	}

	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer file.Close()

	if info, err := file.Stat(); err == nil && info.Size() == reserveBytes {
		return
	}

	if unix.Fallocate(int(file.Fd()), 0, 0, reserveBytes) != nil {
		dropReserve(dir)
	}
}

// dropReserve gives the room up.
func dropReserve(dir string) { _ = os.Remove(filepath.Join(dir, "reserve")) }
