package pack

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

const (
	xzChunk = 8 << 20
	// xzDict is the dictionary of xz -6, and its code in a block header: 2^23.
	xzDict     = 8 << 20
	xzDictCode = 22

	xzCRC64 = 4 // the kind of check

	// xzWorth is how many per cent a quick compressor must get a block below,
	// so that it is worth the minutes that LZMA takes over what can't be
	// compressed: kernels and initramfs are compressed already.
	xzWorth = 98
)

// trial is that quick compressor. EncodeAll is safe for concurrent use.
var trial, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))

var (
	xzMagic    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	xzEndMagic = []byte{'Y', 'Z'}
	xzFlags    = []byte{0, xzCRC64}
	crcTable   = crc64.MakeTable(crc64.ECMA)
	le         = binary.LittleEndian
)

// block is a block of an .xz file with its padding and check, and what the
// index says of it (section 4.3).
type block struct {
	data             []byte
	unpadded, length uint64
}

func writeXz(ctx context.Context, w io.Writer, l *extent.List, o Options) error {
	head := append(bytes.Clone(xzMagic), xzFlags...)
	head = le.AppendUint32(head, crc32.ChecksumIEEE(xzFlags))

	if _, err := w.Write(head); err != nil {
		return err
	}

	var (
		records []byte
		count   uint64
		zeros   = map[int]block{}
	)

	err := chunks.Map(ctx, l, xzChunk, chunks.Options{Workers: o.Workers},
		func(c *chunks.Chunk) (block, error) { return newBlock(c.Data) },
		func(r chunks.Result[block]) error {
			b := r.Value

			if n := r.Chunk.Length; r.Chunk.Zero() {
				var ok bool
				if b, ok = zeros[n]; !ok {
					var err error
					if b, err = newBlock(make([]byte, n)); err != nil {
						return err
					}

					zeros[n] = b
				}
			}

			count++
			records = binary.AppendUvarint(records, b.unpadded)
			records = binary.AppendUvarint(records, b.length)

			_, err := w.Write(b.data)

			return err
		})
	if err != nil {
		return err
	}

	if err := o.Finish(); err != nil {
		return err
	}

	_, err = w.Write(xzEnd(count, records))

	return err
}

// newBlock is section 3: header, LZMA2 data, padding, check.
func newBlock(data []byte) (block, error) {
	var lz bytes.Buffer
	lz.Grow(len(data) + len(data)>>10 + 64)

	if len(trial.EncodeAll(data, make([]byte, 0, len(data)))) >= len(data)/100*xzWorth {
		store(&lz, data)
	} else if err := lzma2(&lz, data); err != nil {
		return block{}, err
	}

	// Both sizes are given, so that readers can work in parallel.
	h := []byte{0, 0xc0}
	h = binary.AppendUvarint(h, uint64(lz.Len()))
	h = binary.AppendUvarint(h, uint64(len(data)))
	h = append(h, 0x21, 1, xzDictCode) // LZMA2 with one byte of properties
	h = append(h, make([]byte, (4-len(h)%4)%4)...)
	h[0] = byte(len(h) / 4)
	h = le.AppendUint32(h, crc32.ChecksumIEEE(h))

	out := append(h, lz.Bytes()...)
	unpadded := len(out) + crc64.Size
	out = append(out, make([]byte, (4-len(out)%4)%4)...)
	out = le.AppendUint64(out, crc64.Checksum(data, crcTable))

	return block{out, uint64(unpadded), uint64(len(data))}, nil
}

func lzma2(w io.Writer, data []byte) error {
	z, err := lzma.Writer2Config{DictCap: min(xzDict, max(len(data), lzma.MinDictCap)), BufSize: 1 << 16}.NewWriter2(w)
	if err != nil {
		return err
	}

	if _, err := z.Write(data); err != nil {
		return err
	}

	return z.Close()
}

// store makes LZMA2 data that is not compressed: pieces of up to 64 KiB, the
// first of which resets the dictionary.
func store(w *bytes.Buffer, data []byte) {
	control := byte(1)

	for len(data) > 0 {
		n := min(len(data), 1<<16)
		w.Write([]byte{control, byte((n - 1) >> 8), byte(n - 1)})
		w.Write(data[:n])

		data, control = data[n:], 2
	}

	w.WriteByte(0)
}

// xzEnd is the index (section 4) and the stream's footer (section 2.1.2).
func xzEnd(count uint64, records []byte) []byte {
	index := binary.AppendUvarint([]byte{0}, count)
	index = append(index, records...)
	index = append(index, make([]byte, (4-len(index)%4)%4)...)
	index = le.AppendUint32(index, crc32.ChecksumIEEE(index))

	foot := le.AppendUint32(nil, uint32(len(index)/4-1))
	foot = append(foot, xzFlags...)

	out := le.AppendUint32(index, crc32.ChecksumIEEE(foot))
	out = append(out, foot...)

	return append(out, xzEndMagic...)
}
