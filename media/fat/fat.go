package fat

import (
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// Type is the width of a volume's allocation table.
type Type int

// The types of volumes. Auto chooses FAT32 where the volume is large enough
// for it (about 33 MiB with 512-byte sectors, 256 MiB with 4096), else FAT16
// or FAT12.
const (
	Auto  Type = 0
	FAT12 Type = 12
	FAT16 Type = 16
	FAT32 Type = 32
)

// Attr is the attribute byte of a directory entry.
type Attr uint8

// The attributes that a caller may set.
const (
	ReadOnly Attr = 0x01
	Hidden   Attr = 0x02
	System   Attr = 0x04
)

const (
	attrVolume  = 0x08
	attrDir     = 0x10
	attrArchive = 0x20
	attrLong    = 0x0f
)

// File is one file or directory to put on a volume. Parent directories are
// made as needed.
type File struct {
	// Path is relative to the root, with slashes: "EFI/BOOT/BOOTX64.EFI".
	Path string
	// Content holds a file's bytes; nil is an empty file.
	Content *extent.List
	// Dir makes Path a directory, which is needed only for empty ones or for
	// their times and attributes.
	Dir bool
	// Attr is added to the entry's attributes.
	Attr Attr
	// ModTime is the entry's time; zero means Options.Time.
	ModTime time.Time
}

// Options says how a volume is made. The zero value is a volume that is just
// large enough, with 512-byte sectors.
type Options struct {
	// Size is the volume's size in bytes, a multiple of SectorSize. 0 means
	// as small as the files, FreeSpace and Type allow.
	Size int64
	// FreeSpace is the number of bytes to leave free when Size is 0.
	FreeSpace int64
	// SectorSize is 512 (also for 0) or 4096.
	SectorSize int
	// ClusterSize in bytes, a power of two; 0 means chosen from the size.
	ClusterSize int
	// Type forces the table's width.
	Type Type
	// Label is the volume's name: up to 11 characters, stored in upper case.
	// Empty means none.
	Label string
	// Serial is the volume's serial number. 0 means derived from the label
	// and from the files' names and sizes.
	Serial uint32
	// Time stands for every time that a File does not give. The zero time,
	// and what the format can't hold, means 1980-01-01 00:00:00.
	Time time.Time
	// HiddenSectors is the number of sectors before the volume on its disk.
	// UEFI firmware and operating systems ignore it; BIOS boot code may not.
	HiddenSectors uint32
}

// Volume is a laid out volume.
type Volume struct {
	// List is the whole volume, Options.Size or the computed size long.
	List *extent.List
	// Type is FAT12, FAT16 or FAT32.
	Type Type
	// SectorSize and ClusterSize in bytes.
	SectorSize, ClusterSize int
	// Clusters is the number of data clusters, FreeClusters of those unused.
	Clusters, FreeClusters int

	offsets map[string]int64
}

// Offset returns where in the volume, in bytes, the content of the file with
// this path starts; it occupies one contiguous run. It reports false for
// directories, empty files, and paths that were not given to New in exactly
// this spelling.
func (v *Volume) Offset(path string) (int64, bool) {
	off, ok := v.offsets[path]

	return off, ok
}
