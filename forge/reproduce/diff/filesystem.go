package diff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/KarpelesLab/squashfs"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
)

// maxBlock is the largest block that squashfs has.
const maxBlock = 1 << 20

// registerCompression teaches the library what it leaves out by default.
var registerCompression = sync.OnceFunc(func() {
	decoder := sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	})

	squashfs.RegisterCompHandler(squashfs.ZSTD, &squashfs.CompHandler{Decompress: func(block []byte) ([]byte, error) {
		z, err := decoder()
		if err != nil {
			return nil, err
		}

		return z.DecodeAll(block, nil)
	}})

	squashfs.RegisterCompHandler(squashfs.XZ, &squashfs.CompHandler{Decompress: func(block []byte) ([]byte, error) {
		return io.ReadAll(io.LimitReader(xz.NewReader(bytes.NewReader(block)), maxBlock))
	}})
})

func (c *comparer) squashfs(p place, a, b *io.SectionReader) error {
	registerCompression()

	var (
		lists  [2][]entry
		supers [2]*squashfs.Superblock
	)

	for i, r := range []*io.SectionReader{a, b} {
		sb, err := openSquashfs(r)
		if err != nil {
			return opaque("squashfs", err)
		}

		supers[i] = sb

		if lists[i], err = c.squashfsEntries(sb); err != nil {
			return opaque("squashfs", err)
		}
	}

	c.value(p, "squashfs header: time", stamp(time.Unix(int64(supers[0].ModTime), 0)), stamp(time.Unix(int64(supers[1].ModTime), 0)))
	c.value(p, "squashfs header: compression", supers[0].Comp, supers[1].Comp)
	c.value(p, "squashfs header: block size", supers[0].BlockSize, supers[1].BlockSize)
	c.value(p, "squashfs header: flags", supers[0].Flags, supers[1].Flags)

	return c.entries(p, lists[0], lists[1])
}

// openSquashfs opens an image. The library panics on some that are damaged.
func openSquashfs(r *io.SectionReader) (sb *squashfs.Superblock, err error) {
	defer recoverAs(&err)

	return squashfs.New(r)
}

// recoverAs turns a panic of a library into an error.
func recoverAs(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("reading it failed: %v", r)
	}
}

func (c *comparer) squashfsEntries(sb *squashfs.Superblock) (list []entry, err error) {
	defer recoverAs(&err)

	var walk func(dir string) error

	walk = func(dir string) error {
		if strings.Count(dir, "/") > 4096 {
			return errors.New("directories are nested too deeply")
		}

		entries, err := sb.ReadDir(dir)
		if err != nil {
			return err
		}

		for _, d := range entries {
			if err := c.ctx.Err(); err != nil {
				return err
			}

			name := path.Join(dir, d.Name())

			e, err := squashfsEntry(sb, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}

			list = append(list, e)

			if d.IsDir() {
				if err := walk(name); err != nil {
					return err
				}
			}
		}

		return nil
	}

	return list, walk(".")
}

func squashfsEntry(sb *squashfs.Superblock, name string) (entry, error) {
	info, err := sb.Lstat(name)
	if err != nil {
		return entry{}, err
	}

	inode, ok := info.Sys().(*squashfs.Inode)
	if !ok {
		return entry{}, errors.New("it has no inode")
	}

	e := entry{name: name, properties: []property{
		{"mode", info.Mode().String()},
		{"owner", fmt.Sprintf("%d:%d", inode.GetUid(), inode.GetGid())},
		{"time", stamp(info.ModTime())},
	}}

	switch {
	case info.Mode().IsRegular():
		e.content = io.NewSectionReader(safeReader{inode}, 0, info.Size())
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := inode.Readlink()
		if err != nil {
			return entry{}, err
		}

		e.properties = append(e.properties, property{"link", string(target)})
	}

	return e, nil
}

// safeReader turns panics of the library into errors.
type safeReader struct{ r io.ReaderAt }

func (s safeReader) ReadAt(p []byte, off int64) (n int, err error) {
	defer recoverAs(&err)

	return s.r.ReadAt(p, off)
}
