package imager_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/schemas/profile"
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

	noise := make([]byte, 12<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)

	from := installer(t, pe.AMD64)
	if err := os.WriteFile(filepath.Join(from, assets.InstallDir, "amd64", assets.Initramfs), noise, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, p := range []*profile.Profile{
		base(t, "iso", "amd64"), imageProfile(t, "raw", profile.Raw), imageProfile(t, "qcow2", profile.Raw), imageProfile(t, "vmdk", profile.Raw),
		imageProfile(t, "ova", profile.Raw), imageProfile(t, "raw", profile.ZST), imageProfile(t, "vhd", profile.TarGZ), imageProfile(t, "ova", profile.XZ),
	} {
		_, err := imager.Render(t.Context(), p, imager.Options{Installer: from, OutputDir: filepath.Join(dir, "out")})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("%s: error: %v", p.Output.Kind, err)
		}

		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("left behind: %v", entries)
		}
	}
}
