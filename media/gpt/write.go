package gpt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

var (
	le        = binary.LittleEndian
	signature = [8]byte{'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'}
)

const (
	revision  = 0x00010000
	mbrType   = 0xee
	mbrEntry  = 446
	mbrMagic  = 0xaa55
	mbrMaxLBA = 0xffffffff
)

// Primary is the beginning of the disk: protective MBR, header, entries; up to
// the first usable sector.
func (t *Table) Primary() ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}

	array := t.array()
	out := make([]byte, int64(t.FirstUsable())*t.SectorSize)
	copy(out, t.mbr())
	copy(out[t.SectorSize:], t.header(array, 1, t.Sectors-1, 2))
	copy(out[2*t.SectorSize:], array)

	return out, nil
}

// Backup is the end of the disk: entries and header. It belongs at
// BackupOffset.
func (t *Table) Backup() ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}

	array := t.array()
	out := make([]byte, t.Size()-t.BackupOffset())
	copy(out, array)
	copy(out[int64(len(out))-t.SectorSize:], t.header(array, t.Sectors-1, 1, t.LastUsable()+1))

	return out, nil
}

// BackupOffset is where Backup goes, in bytes from the start of the disk.
func (t *Table) BackupOffset() int64 { return int64(t.LastUsable()+1) * t.SectorSize }

// WriteAt writes the table to a disk, in the order that the package comment
// gives. sync, when not nil, is called between the steps and must see to it
// that what was written is on the disk. What lies between the tables stays.
func (t *Table) WriteAt(w io.WriterAt, sync func() error) error {
	primary, err := t.Primary()
	if err != nil {
		return err
	}

	backup, err := t.Backup()
	if err != nil {
		return err
	}

	s := t.SectorSize

	for _, step := range []struct {
		what string
		data []byte
		at   int64
	}{
		{"backup", backup, t.BackupOffset()},
		{"entries", primary[2*s:], 2 * s},
		{"header", primary[s : 2*s], s},
		{"protective MBR", primary[:s], 0},
	} {
		if _, err := w.WriteAt(step.data, step.at); err != nil {
			return fmt.Errorf("write partition table: %s: %w", step.what, err)
		}

		if sync != nil {
			if err := sync(); err != nil {
				return fmt.Errorf("write partition table: %s: %w", step.what, err)
			}
		}
	}

	return nil
}

// array is the array of entries, padded to whole sectors.
func (t *Table) array() []byte {
	out := make([]byte, int64(t.arraySectors())*t.SectorSize)

	for i, p := range t.Partitions {
		if !p.Used() {
			continue
		}

		e := out[i*entrySize:]
		copy(e, p.Type[:])
		copy(e[16:], p.GUID[:])
		le.PutUint64(e[32:], p.First)
		le.PutUint64(e[40:], p.Last)
		le.PutUint64(e[48:], p.Attributes)

		for j, unit := range utf16.Encode([]rune(p.Name)) {
			le.PutUint16(e[56+2*j:], unit)
		}
	}

	return out
}

// header is one sector: UEFI specification, table 5.5.
func (t *Table) header(array []byte, own, other, arrayAt uint64) []byte {
	h := make([]byte, t.SectorSize)
	copy(h, signature[:])
	le.PutUint32(h[8:], revision)
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], own)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], t.FirstUsable())
	le.PutUint64(h[48:], t.LastUsable())
	copy(h[56:], t.GUID[:])
	le.PutUint64(h[72:], arrayAt)
	le.PutUint32(h[80:], t.entries)
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(array[:int(t.entries)*entrySize]))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))

	return h
}

// mbr is the protective MBR: one partition over the whole disk (table 5.3 and
// 5.4), so that programs that know no GPT see no free space.
func (t *Table) mbr() []byte {
	m := make([]byte, t.SectorSize)
	e := m[mbrEntry:]
	copy(e[1:4], []byte{0x00, 0x02, 0x00}) // CHS of sector 1
	e[4] = mbrType
	copy(e[5:8], []byte{0xff, 0xff, 0xff})
	le.PutUint32(e[8:], 1)
	le.PutUint32(e[12:], uint32(min(t.Sectors-1, mbrMaxLBA)))
	le.PutUint16(m[510:], mbrMagic)

	return m
}
