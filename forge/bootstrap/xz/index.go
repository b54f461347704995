package xz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// index: number of blocks and their sizes, padding, CRC32; then the footer:
// CRC32, size of the index, flags, magic.
func (r *Reader) index() error {
	index := indexReader{in: &r.in, size: 1}
	index.sum = crc32.Update(0, crc32.IEEETable, []byte{0})

	count, err := index.number()
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}

	if count != uint64(len(r.blocks)) {
		return errors.New("the index does not agree with the blocks")
	}

	for _, block := range r.blocks {
		unpadded, err1 := index.number()
		unpacked, err2 := index.number()

		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("read index: %w", err)
		}

		if unpadded != uint64(block.unpadded) || unpacked != uint64(block.unpacked) {
			return errors.New("the index does not agree with the blocks")
		}
	}

	for index.size%4 != 0 {
		if b, err := index.byte(); err != nil {
			return fmt.Errorf("read index padding: %w", err)
		} else if b != 0 {
			return errors.New("the index's padding is damaged")
		}
	}

	var tail [16]byte
	if err := r.in.full(tail[:]); err != nil {
		return fmt.Errorf("read footer: %w", err)
	}

	if binary.LittleEndian.Uint32(tail[:]) != index.sum {
		return errors.New("the index is damaged")
	}

	footer := tail[4:]
	if crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer) ||
		(int64(binary.LittleEndian.Uint32(footer[4:]))+1)*4 != index.size+4 ||
		[2]byte(footer[8:10]) != r.flags || !bytes.Equal(footer[10:], footerMagic) {
		return errors.New("the footer is damaged")
	}

	r.begun, r.check, r.flags = true, nil, [2]byte{}

	return nil
}

// indexReader reads an index, with its CRC and size so far.
type indexReader struct {
	in   *source
	sum  uint32
	size int64
}

func (x *indexReader) byte() (byte, error) {
	b, err := x.in.byte()
	if err == nil {
		x.sum = crc32.Update(x.sum, crc32.IEEETable, []byte{b})
		x.size++
	}

	return b, err
}

// number reads seven bits a byte, the lowest first.
func (x *indexReader) number() (uint64, error) {
	var v uint64

	for shift := 0; shift < 63; shift += 7 {
		b, err := x.byte()
		if err != nil {
			return 0, err
		}

		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}

	return 0, errors.New("a number is too long")
}
