package iso9660

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// SectorSize is the size of a logical sector and block, in bytes.
const SectorSize = 2048

// systemArea is the length of the unused start of every image, in bytes.
const systemArea = 16 * SectorSize

// Platform says which firmware a boot entry is for.
type Platform uint8

// The platforms of El Torito and UEFI.
const (
	BIOS Platform = 0x00
	UEFI Platform = 0xef
)

// String returns "BIOS", "UEFI" or the number.
func (p Platform) String() string {
	switch p {
	case BIOS:
		return "BIOS"
	case UEFI:
		return "UEFI"
	default:
		return fmt.Sprintf("platform %#02x", uint8(p))
	}
}

// File is one file or directory of the tree. Parent directories are made as
// needed.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	// Content holds the file's bytes; nil is an empty file.
	Content *extent.List
	// Shared, when set, takes the bytes from a boot image instead.
	Shared *Shared
	// Dir makes Path a directory.
	Dir bool
	// Mode holds permissions; 0 means 0755 for directories, 0644 for files.
	Mode fs.FileMode
	// ModTime is the entry's time; zero means Options.Time.
	ModTime time.Time
}

// Shared is a part of a boot image that is also a file.
type Shared struct {
	Boot   int   // index in Options.Boot
	Offset int64 // in the boot image, a multiple of SectorSize
	Size   int64 // in bytes
}

// Boot is one El Torito entry without emulation. The first is the default
// entry; a BIOS entry should be before an UEFI one.
type Boot struct {
	Platform Platform
	// Content is the boot image: a FAT volume for UEFI, code for BIOS.
	Content *extent.List
	// Sectors is what a BIOS should load, in units of 512 bytes. 0 means all
	// of the image where that fits in 16 bits; see the package comment.
	Sectors uint16
}

// Options says how an image is made.
type Options struct {
	// VolumeID names the medium: up to 32 characters. Letters become upper
	// case, what ISO 9660 does not allow becomes "_".
	VolumeID string
	// Publisher and Application are free text of up to 128 characters.
	Publisher, Application string
	// Time stands for every time that a File does not give, and for the
	// volume's own. Zero leaves the volume's unspecified; files get 1980.
	Time time.Time
	// Boot lists the El Torito entries.
	Boot []Boot
}

// Range is a part of an image, in bytes.
type Range struct{ Offset, Size int64 }

// Image is a laid out image.
type Image struct {
	// List is the whole image; its size is a multiple of SectorSize.
	List *extent.List
	// Boot says where each of Options.Boot is. Offsets are multiples of 4096.
	Boot []Range

	offsets map[string]Range
}

// Offset returns where a file's content is, for the path as it was given.
func (img *Image) Offset(path string) (Range, bool) {
	r, ok := img.offsets[path]

	return r, ok
}

// ErrSystemArea is returned for a system area that is too long.
var ErrSystemArea = errors.New("the system area has 32768 bytes")

// WithSystemArea returns the image with b in its first 32 KiB, which ISO 9660
// leaves to others: boot code, a partition table.
func (img *Image) WithSystemArea(b []byte) (*extent.List, error) {
	if len(b) > systemArea {
		return nil, fmt.Errorf("%d bytes don't fit: %w", len(b), ErrSystemArea)
	}

	l := extent.FromBytes(b)
	if err := l.PadTo(systemArea); err != nil {
		return nil, err
	}

	l.Append(img.List.Slice(systemArea, img.List.Size()))

	return l, nil
}
