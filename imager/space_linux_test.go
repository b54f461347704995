package imager_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/media/pe"
)

func TestNoSpaceLeft(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}

	dir := t.TempDir()
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skip("can't mount a small file system:", err)
	}

	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()

	_, err := imager.Render(t.Context(), base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64), OutputDir: filepath.Join(dir, "out")})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("error: %v", err)
	}

	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}
