package extent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/akmon-os/akmon/media/extent"
)

func TestNoSpaceLeft(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}

	dir := t.TempDir()
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("can't mount a small file system:", err)
	}

	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()

	l, _ := sample(t)

	err := extent.WriteFileAtomic(filepath.Join(dir, "out"), l, 0o600)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("error: %v", err)
	}

	mustBeEmpty(t, dir)
}
