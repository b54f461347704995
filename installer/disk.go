package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/gpt"
)

var (
	// ErrInUse means that something on the disk is mounted or held.
	ErrInUse = errors.New("in use")
	// ErrNotEmpty means that the disk has partitions or data on it.
	ErrNotEmpty = errors.New("not empty")
)

// chunk is what is written between two looks at whether to go on.
const chunk = 64 * mib

// disk is an opened block device or regular file.
type disk struct {
	file   *os.File
	path   string
	size   int64
	sector int64
	device bool
}

// openDisk opens path for writing. A block device is opened exclusively, which
// the kernel refuses while one of its partitions is mounted.
func openDisk(path string) (*disk, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}

	d := &disk{path: path, sector: 512}

	switch mode := info.Mode(); {
	case mode.IsRegular():
		if loop := attachedLoop(path); loop != "" {
			return nil, fmt.Errorf("disk %s is %w: it is attached to %s", path, ErrInUse, loop)
		}
	case mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0:
		d.device = true
	default:
		return nil, fmt.Errorf("%s is neither a block device nor a regular file", path)
	}

	if d.file, err = openExclusive(path, d.device); err != nil {
		return nil, err
	}

	if d.size, err = d.file.Seek(0, io.SeekEnd); err == nil && d.device {
		d.sector, err = sectorSize(d.file)
	}

	if err != nil {
		d.file.Close()

		return nil, fmt.Errorf("read the size of disk %s: %w", path, err)
	}

	return d, nil
}

// checkEmpty refuses a disk that has something on it: a partition table, or
// anything but zeros in its first MiB, where file systems begin.
func (d *disk) checkEmpty() error {
	table, _, err := gpt.Read(d.file, d.size)

	switch {
	case err == nil:
		var names []string

		for i, p := range table.Partitions {
			if p.Used() {
				names = append(names, strings.TrimSpace(fmt.Sprintf("%d %s", i+1, p.Name)))
			}
		}

		if len(names) == 0 {
			return nil // a table, but nothing in it
		}

		return fmt.Errorf("disk %s is %w: it has the partitions %s (--force replaces them)",
			d.path, ErrNotEmpty, strings.Join(names, ", "))
	case errors.Is(err, gpt.ErrDamaged):
		return fmt.Errorf("disk %s is %w: %w (--force replaces it)", d.path, ErrNotEmpty, err)
	case !errors.Is(err, gpt.ErrNoTable):
		return fmt.Errorf("read disk %s: %w", d.path, err)
	}

	if mbr, _, err := gpt.HasMBR(d.file); err != nil {
		return fmt.Errorf("read disk %s: %w", d.path, err)
	} else if mbr {
		return fmt.Errorf("disk %s is %w: it has a DOS partition table or a file system (--force replaces it)", d.path, ErrNotEmpty)
	}

	head := make([]byte, min(mib, d.size))
	if _, err := d.file.ReadAt(head, 0); err != nil {
		return fmt.Errorf("read disk %s: %w", d.path, err)
	}

	if len(bytes.Trim(head, "\x00")) > 0 {
		return fmt.Errorf("disk %s is %w: there is data in its first MiB (--force overwrites it)", d.path, ErrNotEmpty)
	}

	return nil
}

// write puts an image on the disk; see the package comment for the order.
func (d *disk) write(ctx context.Context, image *Image, zero bool, log func(string, ...any)) (err error) {
	if err := d.wipeTables(); err != nil {
		return err
	}

	// Until the new table is whole there is none.
	defer func() {
		if err != nil {
			err = errors.Join(err, d.wipeTables())
		}
	}()

	if zero {
		log("zeroing %s", d.path)

		if err := d.writeList(ctx, zeros(d.size), 0); err != nil {
			return err
		}
	}

	for _, p := range image.Table.Partitions {
		content := zeros(min(image.Table.Length(p), mib))
		if p.Name == EFI {
			content = image.ESP
		}

		log("writing partition %s", p.Name)

		if err := d.writeList(ctx, content, image.Table.Offset(p)); err != nil {
			return fmt.Errorf("partition %s: %w", p.Name, err)
		}
	}

	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("write disk %s: %w", d.path, err)
	}

	log("writing the partition table")

	if err := image.Table.WriteAt(d.file, d.file.Sync); err != nil {
		return fmt.Errorf("disk %s: %w", d.path, err)
	}

	return nil
}

// wipeTables clears both copies of a partition table, of either sector size.
func (d *disk) wipeTables() error {
	n := min(mib, d.size/2)

	for _, at := range []int64{0, d.size - n} {
		if err := zeros(n).WriteFile(d.file, at); err != nil {
			return fmt.Errorf("clear the partition table of %s: %w", d.path, err)
		}
	}

	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("clear the partition table of %s: %w", d.path, err)
	}

	return nil
}

// writeList writes list at off, in parts, so that it can be cancelled.
func (d *disk) writeList(ctx context.Context, list *extent.List, off int64) error {
	for at := int64(0); at < list.Size(); at += chunk {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("write disk %s: %w", d.path, err)
		}

		if err := list.Slice(at, chunk).WriteFile(d.file, off+at); err != nil {
			return fmt.Errorf("write disk %s: %w", d.path, err)
		}
	}

	return nil
}

func zeros(n int64) *extent.List {
	list := &extent.List{}
	list.AppendZeros(n)

	return list
}
