package gpt

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

// maxArray limits the array of entries that is read, in bytes.
const maxArray = 1 << 20

var (
	// ErrNoTable means that the disk has no GUID partition table.
	ErrNoTable = errors.New("no GUID partition table")
	// ErrDamaged means that there is one, but neither copy is whole.
	ErrDamaged = errors.New("damaged partition table")
)

// Read reads the table of a disk of size bytes. The sector size is found by
// where the header is. The primary table is preferred; if it is damaged, the
// backup is returned and fromBackup is true. Tables of another size than New
// makes are accepted up to 1 MiB.
func Read(r io.ReaderAt, size int64) (t *Table, fromBackup bool, err error) {
	result := ErrNoTable

	for _, sector := range []int64{512, 4096} {
		if size < 4*sector {
			continue
		}

		for _, at := range []int64{sector, (size/sector - 1) * sector} {
			t, err := readCopy(r, size, sector, at)
			if err == nil {
				return t, at != sector, nil
			}

			if !errors.Is(err, ErrNoTable) {
				result = err
			}
		}
	}

	return nil, false, result
}

// readCopy reads the table whose header is at offset at.
func readCopy(r io.ReaderAt, size, sector, at int64) (*Table, error) {
	h := make([]byte, sector)
	if _, err := r.ReadAt(h, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read partition table: %w", err)
	}

	if !bytes.Equal(h[:8], signature[:]) {
		return nil, ErrNoTable
	}

	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: header at byte %d: %s", ErrDamaged, at, fmt.Sprintf(format, args...))
	}

	length := le.Uint32(h[12:])
	if length < headerSize || int64(length) > sector {
		return nil, bad("its length is %d", length)
	}

	sum := le.Uint32(h[16:])
	le.PutUint32(h[16:], 0)

	if got := crc32.ChecksumIEEE(h[:length]); got != sum {
		return nil, bad("checksum is %08x, not %08x", got, sum)
	}

	t := &Table{SectorSize: sector, Sectors: uint64(size / sector), entries: le.Uint32(h[80:])}
	copy(t.GUID[:], h[56:])

	if own := le.Uint64(h[24:]); own != uint64(at/sector) {
		return nil, bad("it says that it is at sector %d", own)
	}

	each, arrayAt := le.Uint32(h[84:]), le.Uint64(h[72:])
	total := uint64(t.entries) * uint64(each)

	switch {
	case each < entrySize || each%8 != 0 || t.entries == 0 || total > maxArray:
		return nil, bad("%d entries of %d bytes", t.entries, each)
	case arrayAt >= t.Sectors || (t.Sectors-arrayAt)*uint64(sector) < total:
		return nil, bad("the entries are at sector %d", arrayAt)
	}

	array := make([]byte, total)
	if _, err := r.ReadAt(array, int64(arrayAt)*sector); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read partition table: %w", err)
	}

	if got, want := crc32.ChecksumIEEE(array), le.Uint32(h[88:]); got != want {
		return nil, bad("checksum of the entries is %08x, not %08x", got, want)
	}

	for i := range int(t.entries) {
		t.Partitions = append(t.Partitions, parseEntry(array[i*int(each):]))
	}

	for len(t.Partitions) > 0 && !t.Partitions[len(t.Partitions)-1].Used() {
		t.Partitions = t.Partitions[:len(t.Partitions)-1]
	}

	return t, nil
}

func parseEntry(e []byte) Partition {
	var p Partition

	copy(p.Type[:], e)

	if !p.Used() {
		return Partition{}
	}

	copy(p.GUID[:], e[16:])
	p.First, p.Last, p.Attributes = le.Uint64(e[32:]), le.Uint64(e[40:]), le.Uint64(e[48:])

	units := make([]uint16, nameUnits)
	for i := range units {
		units[i] = le.Uint16(e[56+2*i:])
	}

	name := string(utf16.Decode(units))
	p.Name, _, _ = strings.Cut(name, "\x00")

	return p
}

// HasMBR tells whether the first sector ends as an MBR does, and whether it is
// protective, as that of a disk with a GUID partition table.
func HasMBR(r io.ReaderAt) (mbr, protective bool, err error) {
	var s [512]byte
	if _, err := r.ReadAt(s[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return false, false, fmt.Errorf("read MBR: %w", err)
	}

	if le.Uint16(s[510:]) != mbrMagic {
		return false, false, nil
	}

	for i := range 4 {
		protective = protective || s[mbrEntry+16*i+4] == mbrType
	}

	return true, protective, nil
}
