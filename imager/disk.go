package imager

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/installer"
	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/ova"
	"github.com/akmon-os/akmon/media/pack"
	"github.com/akmon-os/akmon/media/qcow2"
	"github.com/akmon-os/akmon/media/vhd"
	"github.com/akmon-os/akmon/media/vhdx"
	"github.com/akmon-os/akmon/media/vmdk"
	"github.com/akmon-os/akmon/schemas/profile"
)

// beside is what a disk has beside its EFI partition before the first boot, in
// bytes: META and an alignment at either end.
const beside = 3 << 20

// disk lays out a disk image.
func (l *layer) disk(ctx context.Context, stem string) error {
	o, errs := readDiskOptions(l.p)
	if err := errs.OrNil(); err != nil {
		return err
	}

	release, err := l.system(ctx, assets.Boot)
	if err != nil {
		return err
	}

	set := l.a.set

	// A small disk is one that is copied to a larger: all of it is the EFI
	// partition's.
	efi := min(installer.DefaultEFISize, (o.size-beside)>>20<<20)

	image, err := installer.New(installer.Layout{
		Arch: l.p.Arch,
		Assets: &installer.Assets{
			Kernel: set.File(assets.Kernel), Initramfs: set.File(assets.Initramfs),
			Stub: set.File(assets.Stub), BootLoader: set.File(assets.Boot), OSRelease: release,
		},
		Cmdline: l.a.Result.Cmdline,
		Size:    o.size, SectorSize: o.sector, EFISize: efi, FirstBoot: true, Time: l.o.Time,
	})
	if err != nil {
		return err
	}

	raw, err := image.List()
	if err != nil {
		return err
	}

	l.a.Result.Disk = &Disk{Size: raw.Size(), SectorSize: o.sector, Format: o.format}
	l.a.Name = stem + "." + string(o.format)

	return l.format(raw, [16]byte(image.Table.GUID), o, stem)
}

// format puts a raw disk in its container.
func (l *layer) format(raw *extent.List, id [16]byte, o diskOptions, stem string) (err error) {
	a := l.a

	switch o.format {
	case profile.DiskQCOW2:
		if !o.compress {
			a.List, err = qcow2.New(raw, qcow2.Options{ClusterSize: o.cluster})
			break
		}

		a.encode = func(ctx context.Context, f *os.File) error {
			n, err := qcow2.Compress(ctx, f, raw, qcow2.CompressOptions{
				Options: qcow2.Options{ClusterSize: o.cluster}, Compression: o.compression,
			})
			if err != nil {
				return err
			}

			return f.Truncate(n) // the last cluster may not be written whole
		}
	case profile.DiskVHD:
		a.List, err = vhd.New(raw, vhd.Options{ID: id, Time: l.o.Time})
	case profile.DiskVHDX:
		a.List, err = vhdx.New(raw, vhdx.Options{Seed: id[:], SectorSize: o.sector, Creator: version.Name})
	case profile.DiskVMDK:
		name := a.Name

		a.encode = func(ctx context.Context, f *os.File) error {
			w := bufio.NewWriterSize(f, 1<<20)
			if err := vmdk.Write(ctx, w, raw, vmdk.Options{Name: name, ID: id}); err != nil {
				return err
			}

			return w.Flush()
		}
	case profile.DiskOVA:
		options := ova.Options{
			Name: stem, Product: version.Name, Version: a.Result.Version, ARM: l.p.Arch == "arm64", ID: id, Time: l.o.Time,
			Properties: []ova.Property{{Key: "talos.config", Label: "Machine configuration, in base64"}},
		}

		a.encode = func(ctx context.Context, f *os.File) error {
			_, err := ova.Write(ctx, f, raw, options)

			return err
		}
	default:
		a.List = raw
	}

	return err
}

// wrap compresses the asset as the profile's output format says.
func (l *layer) wrap() error {
	a := l.a

	var format pack.Format

	switch l.p.Output.OutFormat {
	case profile.XZ:
		format = pack.Xz
	case profile.ZST:
		format = pack.Zstd
	case profile.GZ, profile.TarGZ:
		format = pack.Gzip
	default:
		if a.List != nil {
			a.Result.Size = a.List.Size()
		}

		return nil
	}

	inner, list, encode := a.Name, a.List, a.encode
	archive := l.p.Output.OutFormat == profile.TarGZ

	a.Name += string(l.p.Output.OutFormat)
	a.List = nil

	// What clouds want to find in an archive.
	if a.Result.Disk != nil && a.Result.Disk.Format == profile.DiskRaw {
		inner = "disk.raw"
	}

	a.encode = func(ctx context.Context, f *os.File) (err error) {
		content := list
		if content == nil {
			if content, err = a.spool(ctx, encode); err != nil {
				return err
			}
		}

		if archive {
			if content, err = pack.Tar(inner, content, a.time); err != nil {
				return err
			}
		}

		l.o.Progress("compressing %s", a.Name)

		w := bufio.NewWriterSize(f, 1<<20)
		if err := pack.Write(ctx, w, content, format, pack.Options{}); err != nil {
			return fmt.Errorf("making %s: %w", a.Name, err)
		}

		return w.Flush()
	}

	return nil
}
