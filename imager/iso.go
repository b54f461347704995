package imager

import (
	"context"
	"fmt"
	"strings"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/fat"
	"github.com/akmon-os/akmon/media/iso9660"
	"github.com/akmon-os/akmon/media/pe"
)

// maxOSRelease bounds an os-release file, in bytes.
const maxOSRelease = 64 << 10

// system opens what a UKI is made from, and further files, and returns the
// os-release.
func (l *layer) system(ctx context.Context, more ...string) ([]byte, error) {
	names := append([]string{assets.Kernel, assets.Initramfs, assets.Stub, assets.OSRelease}, more...)
	if err := l.open(ctx, names...); err != nil {
		return nil, err
	}

	if err := l.kernel(l.a.set.File(assets.Kernel)); err != nil {
		return nil, err
	}

	release, err := l.a.set.File(assets.OSRelease).Bytes(maxOSRelease)
	if err != nil {
		return nil, fmt.Errorf("reading os-release: %w", err)
	}

	l.a.Result.Version = releaseValue(release, "VERSION_ID")
	if want, have := l.p.Version, l.a.Result.Version; want != "" && strings.TrimPrefix(want, "v") != strings.TrimPrefix(have, "v") {
		l.o.Progress("note: the profile asks for version %s, the installer has %s", want, have)
	}

	return release, nil
}

// uki lays out the unified kernel image.
func (l *layer) uki(ctx context.Context) (*extent.List, error) {
	release, err := l.system(ctx)
	if err != nil {
		return nil, err
	}

	set := l.a.set

	return pe.UKI(pe.Parts{
		Stub:      set.File(assets.Stub),
		Linux:     set.File(assets.Kernel),
		Initrd:    set.File(assets.Initramfs),
		OSRelease: release,
		Cmdline:   l.a.Result.Cmdline,
		Uname:     l.a.Result.Kernel,
	})
}

// releaseValue reads one key of an os-release file.
func releaseValue(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"'`)
		}
	}

	return ""
}

// bootPath is what UEFI firmware starts from removable media (UEFI
// specification 2.10, section 3.5.1.1).
func bootPath(arch string) string {
	if arch == "arm64" {
		return "EFI/BOOT/BOOTAA64.EFI"
	}

	return "EFI/BOOT/BOOTX64.EFI"
}

// iso lays out the ISO image around a UKI.
func (l *layer) iso(uki *extent.List) error {
	file := bootPath(l.p.Arch)

	esp, err := fat.New([]fat.File{{Path: file, Content: uki}}, fat.Options{
		Label: strings.ToUpper(version.Name), Time: l.o.Time,
	})
	if err != nil {
		return fmt.Errorf("the boot image: %w", err)
	}

	off, ok := esp.Offset(file)
	if !ok {
		return fmt.Errorf("the boot image has no %s", file)
	}

	img, err := iso9660.New(
		[]iso9660.File{{Path: file, Shared: &iso9660.Shared{Offset: off, Size: uki.Size()}}},
		iso9660.Options{
			VolumeID: version.Name + "_" + l.a.Result.Version, Application: version.Name, Time: l.o.Time,
			Boot: []iso9660.Boot{{Platform: iso9660.UEFI, Content: esp.List}},
		})
	if err != nil {
		return err
	}

	l.a.List = img.List
	l.a.Result.BootImage = &Range{img.Boot[0].Offset, img.Boot[0].Size}

	return nil
}
