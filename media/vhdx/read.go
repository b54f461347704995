package vhdx

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/akmon-os/akmon/media/gpt"
)

// maxBAT limits the table of blocks that is read, in bytes: enough for 64 TiB
// in blocks of 1 MiB, with 4 MiB to spare.
const maxBAT = 516 * mib

// Image is an opened file.
type Image struct {
	ID         gpt.GUID // of the disk
	SectorSize int64    // in bytes
	BlockSize  int64    // in bytes

	size  int64
	ratio int64
	bat   io.ReaderAt
	file  io.ReaderAt
	end   int64
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Open reads the tables of a file of size bytes. Of headers and region tables
// that are there twice, one has to be whole.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	head := make([]byte, 5*tableSize)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if errors.Is(err, io.EOF) {
			return nil, bad("it has %d bytes", size)
		}

		return nil, fmt.Errorf("reading the headers of a VHDX: %w", err)
	}

	if string(head[:8]) != "vhdxfile" {
		return nil, bad("its first bytes are others")
	}

	h := newest(head[tableSize:][:headerSize], head[2*tableSize:][:headerSize])
	if h == nil {
		return nil, bad("both headers are damaged")
	}

	if log := [16]byte(h[48:64]); log != ([16]byte{}) {
		return nil, bad("its log was not replayed")
	}

	table := newest(head[3*tableSize:][:tableSize], head[4*tableSize:][:tableSize])
	if table == nil {
		return nil, bad("both region tables are damaged")
	}

	i := &Image{file: r, end: size}
	if err := i.regions(table); err != nil {
		return nil, err
	}

	return i, nil
}

// newest returns the one of two copies that is whole and, where they are
// numbered, has the higher number; nil when none is.
func newest(copies ...[]byte) (best []byte) {
	for _, c := range copies {
		sum := le.Uint32(c[4:])
		plain := append([]byte(nil), c...)
		le.PutUint32(plain[4:], 0)

		if sig := string(c[:4]); sig != "head" && sig != "regi" || crc32.Checksum(plain, castagnoli) != sum {
			continue
		}

		if best == nil || string(c[:4]) == "head" && le.Uint64(c[8:]) > le.Uint64(best[8:]) {
			best = c
		}
	}

	return best
}

func (i *Image) regions(table []byte) error {
	var bat, meta *io.SectionReader

	for n := range min(le.Uint32(table[8:]), 2047) {
		e := table[16+32*n:]
		at, length := int64(le.Uint64(e[16:])), int64(le.Uint32(e[24:]))

		if at < mib || at > i.end || length > i.end-at {
			return bad("region %d is %d bytes at %d", n, length, at)
		}

		switch id := gpt.GUID(e[:16]); {
		case id == regionBAT:
			bat = io.NewSectionReader(i.file, at, length)
		case id == regionMetadata:
			meta = io.NewSectionReader(i.file, at, length)
		case le.Uint32(e[28:])&1 != 0:
			return bad("it has a region %s, which is required", id)
		}
	}

	if bat == nil || meta == nil {
		return bad("it has no table of blocks or no metadata")
	}

	if err := i.metadata(meta); err != nil {
		return err
	}

	blocks := ceil(i.size, i.BlockSize)
	if need := 8 * (blocks + (blocks-1)/i.ratio); need > bat.Size() || need > maxBAT {
		return bad("its table of blocks has %d bytes instead of %d", bat.Size(), need)
	}

	i.bat = bat

	return nil
}

func (i *Image) metadata(r *io.SectionReader) error {
	b := make([]byte, min(r.Size(), mib))
	if _, err := r.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the metadata of a VHDX: %w", err)
	}

	if len(b) < tableSize || string(b[:8]) != "metadata" {
		return bad("it has no table of metadata")
	}

	for n := range min(le.Uint16(b[10:]), 2047) {
		e := b[32+32*int(n):]
		at, length := int64(le.Uint32(e[16:])), int64(le.Uint32(e[20:]))

		if length == 0 {
			continue
		}

		if at > int64(len(b)) || length > int64(len(b))-at {
			return bad("metadata item %d is %d bytes at %d", n, length, at)
		}

		var v [16]byte

		copy(v[:], b[at:at+length])

		switch gpt.GUID(e[:16]) {
		case itemFile:
			i.BlockSize = int64(le.Uint32(v[:]))

			if le.Uint32(v[4:])&2 != 0 {
				return bad("it has a parent")
			}
		case itemSize:
			i.size = int64(le.Uint64(v[:]))
		case itemID:
			i.ID = v
		case itemLogical:
			i.SectorSize = int64(le.Uint32(v[:]))
		}
	}

	switch {
	case i.SectorSize != 512 && i.SectorSize != 4096:
		return bad("its sectors have %d bytes", i.SectorSize)
	case i.BlockSize < mib || i.BlockSize > 256*mib || i.BlockSize&(i.BlockSize-1) != 0:
		return bad("its blocks have %d bytes", i.BlockSize)
	case i.size <= 0 || i.size > MaxSize:
		return bad("its disk has %d bytes", i.size)
	}

	i.ratio = chunkRatio(i.SectorSize, i.BlockSize)

	return nil
}

// Size is the size of the disk, in bytes.
func (i *Image) Size() int64 { return i.size }

// ReadAt reads from the disk. It is as safe for concurrent use as the file.
func (i *Image) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, bad("a negative offset")
	}

	for n < len(p) && off < i.size {
		block, in := off/i.BlockSize, off%i.BlockSize
		part := p[n:min(int64(len(p)), int64(n)+min(i.BlockSize-in, i.size-off))]

		if err := i.readBlock(part, block, in); err != nil {
			return n, err
		}

		n += len(part)
		off += int64(len(part))
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (i *Image) readBlock(p []byte, block, in int64) error {
	var e [8]byte
	if _, err := i.bat.ReadAt(e[:], 8*(block+block/i.ratio)); err != nil {
		return fmt.Errorf("reading the table of blocks of a VHDX: %w", err)
	}

	entry := le.Uint64(e[:])

	switch state := entry & 7; state {
	case 0, 1, 2, 3: // not present, undefined, zero, unmapped
		clear(p)
		return nil
	case stateFull:
	default:
		return bad("block %d has the state %d", block, state)
	}

	at := int64(entry&^(mib-1)) + in
	if at < 0 || at > i.end-int64(len(p)) {
		return bad("block %d is at %d, behind the end of the file", block, at)
	}

	if _, err := i.file.ReadAt(p, at); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading block %d of a VHDX: %w", block, err)
	}

	return nil
}
