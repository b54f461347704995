package pack

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

const (
	gzipChunk  = 1 << 20
	gzipWindow = 32 << 10
	gzipLevel  = 6
)

// gzipHeader is RFC 1952, section 2.3: deflate, no flags, no time, of an
// unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// gzipEnd is an empty last block (RFC 1951, section 3.2.6: fixed codes).
var gzipEnd = []byte{0x03, 0x00}

// piece is a part of the deflate stream.
type piece struct {
	data []byte
	crc  uint32
}

func writeGzip(ctx context.Context, w io.Writer, l *extent.List, o Options) error {
	if o.Level == 0 {
		o.Level = gzipLevel
	}

	// Checked once, so that the pool's writers can't fail.
	if _, err := flate.NewWriter(io.Discard, o.Level); err != nil {
		return err
	}

	pool := sync.Pool{New: func() any {
		z, _ := flate.NewWriter(io.Discard, o.Level)

		return z
	}}

	deflate := func(z *flate.Writer, data, before []byte) (piece, error) {
		out := bytes.NewBuffer(make([]byte, 0, len(data)/2+64))
		z.ResetDict(out, before)

		if _, err := z.Write(data); err != nil {
			return piece{}, err
		}

		// A flush ends at a byte, so that the next piece can follow.
		err := z.Flush()

		return piece{out.Bytes(), crc32.ChecksumIEEE(data)}, err
	}

	if _, err := w.Write(gzipHeader); err != nil {
		return err
	}

	var (
		crc   uint32
		whole = newShift(gzipChunk)
		zeros = map[int]piece{}
	)

	err := chunks.Map(ctx, l, gzipChunk, chunks.Options{Before: gzipWindow, Workers: o.Workers},
		func(c *chunks.Chunk) (piece, error) {
			z := pool.Get().(*flate.Writer)
			defer pool.Put(z)

			return deflate(z, c.Data, c.Before)
		},
		func(r chunks.Result[piece]) error {
			p := r.Value

			if n := r.Chunk.Length; r.Chunk.Zero() {
				var ok bool
				if p, ok = zeros[n]; !ok {
					// Once for all, so with the level that makes most of it.
					z, err := flate.NewWriter(io.Discard, flate.BestCompression)
					if err != nil {
						return err
					}

					if p, err = deflate(z, make([]byte, n), nil); err != nil {
						return err
					}

					zeros[n] = p
				}
			}

			if r.Chunk.Length == gzipChunk {
				crc = whole.append(crc, p.crc)
			} else {
				crc = newShift(int64(r.Chunk.Length)).append(crc, p.crc)
			}

			_, err := w.Write(p.data)

			return err
		})
	if err != nil {
		return err
	}

	if err := o.Finish(); err != nil {
		return err
	}

	end := binary.LittleEndian.AppendUint32(bytes.Clone(gzipEnd), crc)
	end = binary.LittleEndian.AppendUint32(end, uint32(l.Size()))
	_, err = w.Write(end)

	return err
}
