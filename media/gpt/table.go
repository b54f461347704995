package gpt

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// Alignment is what the start of a partition is a multiple of, in bytes.
	Alignment = 1 << 20
	// MaxEntries is the number of entries in a table that New makes.
	MaxEntries = 128

	entrySize  = 128
	headerSize = 92
	nameUnits  = 36 // UTF-16 units in a name
)

// Attributes of a partition (UEFI specification, table 5.8).
const (
	RequiredPartition  uint64 = 1 << 0
	NoBlockIOProtocol  uint64 = 1 << 1
	LegacyBIOSBootable uint64 = 1 << 2
)

var (
	// ErrNoSpace means that a partition does not fit.
	ErrNoSpace = errors.New("no space for the partition")
	// ErrLayout means that a table cannot be written as it is.
	ErrLayout = errors.New("invalid partition table")
)

// Partition is one entry. The zero value is an unused one.
type Partition struct {
	Type       GUID
	GUID       GUID
	First      uint64 // first sector
	Last       uint64 // last sector, included
	Attributes uint64
	Name       string // at most 36 UTF-16 units
}

// Used tells whether the entry is a partition.
func (p Partition) Used() bool { return !p.Type.IsZero() }

// Table is a partition table. Partition number n is Partitions[n-1]; unused
// entries keep their place. It is not safe for concurrent change.
type Table struct {
	GUID       GUID
	SectorSize int64 // 512 or 4096
	Sectors    uint64
	Partitions []Partition

	entries uint32 // in the array on disk
}

// New makes an empty table for a disk of size bytes, which is rounded down to
// whole sectors.
func New(size, sectorSize int64, disk GUID) (*Table, error) {
	if sectorSize != 512 && sectorSize != 4096 {
		return nil, fmt.Errorf("%w: sectors of %d bytes are not supported", ErrLayout, sectorSize)
	}

	t := &Table{GUID: disk, SectorSize: sectorSize, entries: MaxEntries}

	if size > 0 {
		t.Sectors = uint64(size / sectorSize)
	}

	if t.Sectors < 2*t.arraySectors()+4 {
		return nil, fmt.Errorf("%w: a disk of %d bytes is too small for one", ErrLayout, size)
	}

	return t, nil
}

// arraySectors is how many sectors the array of entries takes.
func (t *Table) arraySectors() uint64 {
	return (uint64(t.entries)*entrySize + uint64(t.SectorSize) - 1) / uint64(t.SectorSize)
}

// FirstUsable is the first sector that a partition may have: after the MBR, the
// header and the array.
func (t *Table) FirstUsable() uint64 { return 2 + t.arraySectors() }

// LastUsable is the last sector that a partition may have: before the backup's
// array and header.
func (t *Table) LastUsable() uint64 { return t.Sectors - t.arraySectors() - 2 }

// Size is the size of the disk in bytes.
func (t *Table) Size() int64 { return int64(t.Sectors) * t.SectorSize }

// Offset is where the partition starts on its disk, in bytes.
func (t *Table) Offset(p Partition) int64 { return int64(p.First) * t.SectorSize }

// Length is the size of the partition in bytes.
func (t *Table) Length(p Partition) int64 { return int64(p.Last-p.First+1) * t.SectorSize }

// Add appends a partition behind all others, at the next multiple of Alignment.
// size is in bytes and rounded up to whole sectors; 0 takes everything to the
// end of the disk, the last incomplete MiB left out. It returns the partition
// with its place filled in. ErrNoSpace when it does not fit.
func (t *Table) Add(p Partition, size int64) (Partition, error) {
	if len(t.Partitions) >= int(t.entries) {
		return Partition{}, fmt.Errorf("add partition %s: %w: the table is full", p.Name, ErrNoSpace)
	}

	align := uint64(Alignment / t.SectorSize)

	start := t.FirstUsable()
	for _, other := range t.Partitions {
		if other.Used() {
			start = max(start, other.Last+1)
		}
	}

	start = (start + align - 1) / align * align

	var count uint64
	if size > 0 {
		count = uint64((size + t.SectorSize - 1) / t.SectorSize)
	} else if end := (t.LastUsable() + 1) / align * align; end > start {
		count = end - start
	}

	if size < 0 || count == 0 || start > t.LastUsable() || count > t.LastUsable()-start+1 {
		return Partition{}, fmt.Errorf("add partition %s: %w: %d bytes wanted, disk of %d bytes is used up to %d",
			p.Name, ErrNoSpace, size, t.Size(), int64(start)*t.SectorSize)
	}

	p.First, p.Last = start, start+count-1
	t.Partitions = append(t.Partitions, p)

	return p, nil
}

// Find returns the first partition with this name.
func (t *Table) Find(name string) (p Partition, number int, ok bool) {
	for i, p := range t.Partitions {
		if p.Used() && p.Name == name {
			return p, i + 1, true
		}
	}

	return Partition{}, 0, false
}

// Check finds what makes a table invalid: partitions outside of the usable
// sectors, overlaps, names that are too long, GUIDs that occur twice.
func (t *Table) Check() error {
	if t.SectorSize != 512 && t.SectorSize != 4096 {
		return fmt.Errorf("%w: sectors of %d bytes are not supported", ErrLayout, t.SectorSize)
	}

	if len(t.Partitions) > int(t.entries) || t.Sectors < 2*t.arraySectors()+4 {
		return fmt.Errorf("%w: %d partitions, %d entries, %d sectors", ErrLayout, len(t.Partitions), t.entries, t.Sectors)
	}

	seen := map[GUID]int{}

	for i, p := range t.Partitions {
		if !p.Used() {
			continue
		}

		if p.First > p.Last || p.First < t.FirstUsable() || p.Last > t.LastUsable() {
			return fmt.Errorf("%w: partition %d (%s) has sectors %d to %d, usable are %d to %d",
				ErrLayout, i+1, p.Name, p.First, p.Last, t.FirstUsable(), t.LastUsable())
		}

		if !utf8.ValidString(p.Name) || len(utf16.Encode([]rune(p.Name))) > nameUnits {
			return fmt.Errorf("%w: the name of partition %d is not UTF-8 or longer than %d characters", ErrLayout, i+1, nameUnits)
		}

		if j, ok := seen[p.GUID]; ok {
			return fmt.Errorf("%w: partitions %d and %d have the same GUID", ErrLayout, j, i+1)
		}

		seen[p.GUID] = i + 1

		for j, q := range t.Partitions[:i] {
			if q.Used() && p.First <= q.Last && q.First <= p.Last {
				return fmt.Errorf("%w: partitions %d (%s) and %d (%s) overlap", ErrLayout, j+1, q.Name, i+1, p.Name)
			}
		}
	}

	return nil
}
