package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/media/extent"
)

// AssetsDir is where an installer image has its files, a directory per
// architecture below.
const AssetsDir = "/usr/install"

// Names of the files in that directory.
const (
	KernelFile     = "vmlinuz"
	InitramfsFile  = "initramfs.xz"
	StubFile       = "systemd-stub.efi"
	BootLoaderFile = "systemd-boot.efi"
	OSReleaseFile  = "os-release"
)

// maxOSRelease limits the size of os-release, in bytes.
const maxOSRelease = 64 << 10

// ErrAssets means that the files to install are missing or of another
// architecture.
var ErrAssets = errors.New("installation files")

// Assets are what a machine boots from.
type Assets struct {
	Kernel     *extent.List // EFI stub kernel
	Initramfs  *extent.List
	Stub       *extent.List // systemd-stub
	BootLoader *extent.List // systemd-boot
	OSRelease  []byte

	files []*os.File
}

// OpenAssets opens the files of dir/ARCH, where dir is AssetsDir or a copy of
// it. The caller closes them after use.
func OpenAssets(dir, arch string) (_ *Assets, err error) {
	a := &Assets{}

	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()

	dir = filepath.Join(dir, arch)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for %s are missing: there is no %s%s", ErrAssets, arch, dir, otherArch(dir))
	}

	for _, part := range []struct {
		name string
		to   **extent.List
	}{
		{KernelFile, &a.Kernel}, {InitramfsFile, &a.Initramfs}, {StubFile, &a.Stub}, {BootLoaderFile, &a.BootLoader},
	} {
		f, err := os.Open(filepath.Join(dir, part.name))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAssets, err)
		}

		a.files = append(a.files, f)

		if *part.to, err = extent.FromFile(f); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAssets, err)
		}
	}

	osRelease, err := os.Open(filepath.Join(dir, OSReleaseFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAssets, err)
	}

	a.files = append(a.files, osRelease)

	list, err := extent.FromFile(osRelease)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAssets, err)
	}

	if a.OSRelease, err = list.Bytes(maxOSRelease); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAssets, OSReleaseFile, err)
	}

	return a, nil
}

// otherArch says what there is instead of a missing directory.
func otherArch(dir string) string {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) == 0 {
		return ""
	}

	names := ", but"
	for _, e := range entries {
		names += " " + e.Name()
	}

	return names
}

// Close closes what OpenAssets opened. Assets made by hand need no Close.
func (a *Assets) Close() error {
	var errs []error
	for _, f := range a.files {
		errs = append(errs, f.Close())
	}

	a.files = nil

	return errors.Join(errs...)
}
