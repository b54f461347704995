package installer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/akmon-os/akmon/media/extent"
)

// Options say where to install and what to overwrite.
type Options struct {
	// Layout says what to install. Size and SectorSize are taken from the
	// disk where there is one.
	Layout Layout
	// Disk is a block device, an existing file, or (with Layout.Size, or
	// Layout.FirstBoot) the name of a file to make.
	Disk string
	// Force replaces what is on the disk. A mounted disk is refused all the
	// same.
	Force bool
	// Zero writes zeros over the whole disk first.
	Zero bool
	// Log gets one line per step; nil is silent.
	Log func(format string, args ...any)
}

// Install writes the system to the disk. What cannot work is found out before
// the disk is touched: ErrAssets, ErrTooSmall, ErrInUse, ErrNotEmpty. After a
// later error, or when ctx is cancelled, the disk has no partition table; a
// file that was to be made is not there.
func Install(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}

	if _, err := os.Stat(o.Disk); errors.Is(err, fs.ErrNotExist) && (o.Layout.Size > 0 || o.Layout.FirstBoot) {
		return create(ctx, o)
	}

	d, err := openDisk(o.Disk)
	if err != nil {
		return err
	}
	defer d.file.Close()

	if !o.Force {
		if err := d.checkEmpty(); err != nil {
			return err
		}
	}

	o.Layout.Size = d.size
	if d.device {
		o.Layout.SectorSize = d.sector

		// Two machines must not have disks of one identity.
		if o.Layout.Seed == nil {
			o.Layout.Seed = make([]byte, 32)
			rand.Read(o.Layout.Seed) // never fails, as its documentation says
		}
	}

	image, err := New(o.Layout)
	if err != nil {
		return fmt.Errorf("disk %s: %w", o.Disk, err)
	}

	if err := d.write(ctx, image, o.Zero, o.Log); err != nil {
		return err
	}

	if d.device {
		if err := rereadTable(d.file); err != nil {
			return err
		}
	}

	if err := d.file.Close(); err != nil {
		return fmt.Errorf("close disk %s: %w", o.Disk, err)
	}

	return nil
}

// create makes a new file, which gets its name when it is whole.
func create(ctx context.Context, o Options) error {
	image, err := New(o.Layout)
	if err != nil {
		return fmt.Errorf("disk %s: %w", o.Disk, err)
	}

	list, err := image.List()
	if err != nil {
		return fmt.Errorf("disk %s: %w", o.Disk, err)
	}

	o.Log("writing %s", o.Disk)

	out, err := extent.Create(o.Disk, 0o644)
	if err != nil {
		return err
	}
	defer out.Abort()

	d := &disk{file: out.File, path: o.Disk}
	if err := d.writeList(ctx, list, 0); err != nil {
		return extent.Explain(o.Disk, err)
	}

	return out.Commit(true)
}
