package iso9660

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// ErrFormat is returned (wrapped) for what is not an ISO 9660 image or a
// damaged one.
var ErrFormat = errors.New("not a valid ISO 9660 image")

// Limits that a reader of foreign images keeps.
const (
	maxDescriptors = 64
	maxDirBytes    = 16 << 20
	maxEntries     = 1 << 20
	maxReadDepth   = 64
)

// Entry is a file or directory of an opened image.
type Entry struct {
	Path    string // slashes, no leading one; the Rock Ridge name where there is one
	Dir     bool
	Mode    fs.FileMode // permissions, 0 without Rock Ridge
	Size    int64       // bytes
	ModTime time.Time
	// Sections are the file's parts in the image, in order.
	Sections []Range
}

// BootEntry is one bootable entry of the El Torito catalogue.
type BootEntry struct {
	Platform Platform
	Offset   int64  // of the image, in bytes
	Sectors  uint16 // as stored, in units of 512 bytes
}

// FS is an opened image. It is safe for concurrent use if its reader is.
type FS struct {
	VolumeID, Publisher, Application string
	Size                             int64 // bytes, as the volume says
	Boot                             []BootEntry

	r    io.ReaderAt
	size int64
	root Range
}

func formatError(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrFormat)...)
}

// Open reads the volume descriptors and the boot catalogue of the image in
// the first size bytes of r.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	f := &FS{r: r, size: size}
	if err := f.descriptors(); err != nil {
		return nil, fmt.Errorf("reading an ISO 9660 image: %w", err)
	}

	return f, nil
}

func (f *FS) descriptors() error {
	var b [SectorSize]byte

	for i := int64(0); i < maxDescriptors; i++ {
		if _, err := f.r.ReadAt(b[:], (firstDescriptor+i)*SectorSize); err != nil {
			return formatError("volume descriptor %d: %v", i, err)
		}

		if string(b[1:6]) != "CD001" {
			return formatError("volume descriptor %d has no signature", i)
		}

		switch b[0] {
		case 0:
			if strings.HasPrefix(string(b[7:39]), "EL TORITO SPECIFICATION") {
				if err := f.catalog(int64(le.Uint32(b[71:])) * SectorSize); err != nil {
					return err
				}
			}
		case 1:
			if le.Uint16(b[128:]) != SectorSize {
				return formatError("logical blocks of %d bytes", le.Uint16(b[128:]))
			}

			trim := func(b []byte) string { return strings.TrimRight(string(b), " \x00") }
			f.VolumeID, f.Publisher, f.Application = trim(b[40:72]), trim(b[318:446]), trim(b[574:702])
			f.Size = int64(le.Uint32(b[80:])) * SectorSize
			f.root = Range{int64(le.Uint32(b[158:])) * SectorSize, int64(le.Uint32(b[166:]))}
		case 255:
			if f.root.Size == 0 {
				return formatError("no primary volume descriptor")
			}

			return nil
		}
	}

	return formatError("more than %d volume descriptors", maxDescriptors)
}

// catalog reads the boot catalogue, which is at most one sector here.
func (f *FS) catalog(at int64) error {
	var b [SectorSize]byte
	if _, err := f.r.ReadAt(b[:], at); err != nil {
		return formatError("the boot catalogue: %v", err)
	}

	if b[0] != 1 || b[30] != 0x55 || b[31] != 0xaa {
		return formatError("the boot catalogue has no validation entry")
	}

	platform := Platform(b[1])

	for i := catalogEntry; i < SectorSize; i += catalogEntry {
		e := b[i : i+catalogEntry]

		switch e[0] {
		case 0x88:
			f.Boot = append(f.Boot, BootEntry{platform, int64(le.Uint32(e[8:])) * SectorSize, le.Uint16(e[6:])})
		case 0x90, 0x91:
			platform = Platform(e[1])
		case 0x00:
			if i > catalogEntry {
				return nil
			}
		}
	}

	return nil
}

// BootImage returns boot image i up to what its entry says; one that says 0
// or 1 reaches to the end of the medium, see the package comment.
func (f *FS) BootImage(i int) (*extent.List, error) {
	if i < 0 || i >= len(f.Boot) {
		return nil, fmt.Errorf("the image has no boot entry %d", i)
	}

	e := f.Boot[i]
	n := int64(e.Sectors) * 512

	if e.Sectors < 2 {
		n = f.size - e.Offset
	}

	if n = min(n, f.size-e.Offset); n <= 0 {
		return nil, formatError("boot image %d starts at %d, the image ends at %d", i, e.Offset, f.size)
	}

	l := &extent.List{}
	l.AppendRange(f.r, e.Offset, n)

	return l, nil
}

// Content returns what the file e holds, as ranges of the image's reader.
func (f *FS) Content(e Entry) *extent.List {
	l := &extent.List{}
	for _, s := range e.Sections {
		l.AppendRange(f.r, s.Offset, s.Size)
	}

	return l
}
