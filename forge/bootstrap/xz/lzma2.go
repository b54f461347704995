package xz

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A chunk unpacks to at most 2 MiB and is packed in at most 64 KiB.
const (
	maxChunk  = 2 << 20
	packedCap = 1 << 17 // a power of two above 64 KiB, so that an index can be masked
)

var errData = errors.New("the compressed data is damaged")

// decoder unpacks LZMA2: chunks that share a dictionary. The dictionary is the
// tail of one linear buffer, moved to its front when the buffer is full, so
// that matches are plain copies.
type decoder struct {
	dict  int    // size
	buf   []byte // grows up to dict + 2 maxChunk
	base  int    // where the dictionary begins in buf
	pos   int    // where the next byte goes
	ready int    // 0: a dictionary reset must come; 1: properties must come; 2: all is there

	packed *[packedCap]byte
	lzma   lzma
}

// begin prepares for a block.
func (d *decoder) begin(dict int) {
	d.dict = max(dict, 4096)
	if d.packed == nil {
		d.packed = new([packedCap]byte)
	}

	d.base, d.pos, d.ready = 0, 0, 0
}

// chunk unpacks the next chunk. The result is valid until the next call; nil
// means the end of the block.
func (d *decoder) chunk(in *source) ([]byte, error) {
	control, err := in.byte()
	if err != nil {
		return nil, err
	}

	if control == 0 {
		return nil, nil
	}

	if control == 1 || control >= 0xe0 {
		d.base = d.pos
		d.ready = max(d.ready, 1)
	} else if d.ready == 0 {
		return nil, errData
	}

	var head [5]byte

	if control < 0x80 {
		if control > 2 {
			return nil, errData
		}

		if err := in.full(head[:2]); err != nil {
			return nil, err
		}

		n := int(binary.BigEndian.Uint16(head[:])) + 1
		d.room(n)

		out := d.buf[d.pos : d.pos+n]
		d.pos += n

		return out, in.full(out)
	}

	if err := in.full(head[:4]); err != nil {
		return nil, err
	}

	unpacked := int(control&0x1f)<<16 + int(binary.BigEndian.Uint16(head[:])) + 1
	packed := int(binary.BigEndian.Uint16(head[2:])) + 1

	if err := d.reset(control, in); err != nil {
		return nil, err
	}

	if err := in.full(d.packed[:packed]); err != nil {
		return nil, err
	}

	d.room(unpacked)

	start := d.pos
	d.pos += unpacked

	if err := d.lzma.decode(d.packed, packed, d.buf[d.base:d.pos], start-d.base, d.dict); err != nil {
		return nil, err
	}

	return d.buf[start:d.pos], nil
}

// room makes place for n more bytes in the buffer: small files get by with
// little, large ones move the dictionary to the front when the buffer is full.
func (d *decoder) room(n int) {
	if len(d.buf)-d.pos >= n {
		return
	}

	if limit := d.dict + 2*maxChunk; len(d.buf) < limit {
		grown := make([]byte, min(limit, max(2*len(d.buf), d.pos+n)))
		copy(grown, d.buf[:d.pos])
		d.buf = grown

		if len(d.buf)-d.pos >= n {
			return
		}
	}

	// Contexts depend on the position modulo 16: it must stay.
	keep := d.pos - d.base
	if keep > d.dict {
		keep = d.dict + (keep-d.dict)%posStates
	}

	copy(d.buf, d.buf[d.pos-keep:d.pos])
	d.base, d.pos = 0, keep
}

// reset does what the control byte of a compressed chunk asks for.
func (d *decoder) reset(control byte, in *source) error {
	switch {
	case control >= 0xc0: // new properties
		props, err := in.byte()
		if err != nil {
			return err
		}

		if err := d.lzma.properties(props); err != nil {
			return err
		}

		d.ready = 2
	case d.ready < 2:
		return errData
	case control >= 0xa0:
		d.lzma.reset()
	}

	return nil
}

// properties sets lc, lp and pb from their byte, and resets the state.
func (z *lzma) properties(b byte) error {
	if b >= 9*5*5 {
		return errData
	}

	lc, lp, pb := uint(b%9), uint(b/9%5), uint(b/45)
	if lc+lp > 4 {
		return fmt.Errorf("%w: lc %d and lp %d are more than LZMA2 allows", errData, lc, lp)
	}

	z.lc, z.lpMask, z.pbMask = lc, 1<<lp-1, 1<<pb-1
	z.reset()

	return nil
}
