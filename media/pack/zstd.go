package pack

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

const (
	zstdChunk = 4 << 20
	zstdLevel = 3
)

func writeZstd(ctx context.Context, w io.Writer, l *extent.List, o Options) error {
	if o.Level == 0 {
		o.Level = zstdLevel
	}

	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), 16)
	}

	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(o.Level)),
		zstd.WithEncoderConcurrency(o.Workers), zstd.WithWindowSize(zstdChunk))
	if err != nil {
		return err
	}
	defer enc.Close() //nolint:errcheck // it has no stream of its own

	compress := func(b []byte) []byte { return enc.EncodeAll(b, make([]byte, 0, len(b)/2)) }

	err = chunks.Map(ctx, l, zstdChunk, chunks.Options{Workers: o.Workers},
		func(c *chunks.Chunk) ([]byte, error) { return compress(c.Data), nil },
		func(r chunks.Result[[]byte]) error {
			frame := r.Value

			if r.Chunk.Zero() {
				frame = zeroFrame(r.Chunk.Length)
			}

			// The last frame is held back until all is well.
			if r.Chunk.Offset+int64(r.Chunk.Length) == l.Size() {
				if err := o.Finish(); err != nil {
					return err
				}
			}

			_, err := w.Write(frame)

			return err
		})
	if err != nil || l.Size() > 0 {
		return err
	}

	if err := o.Finish(); err != nil {
		return err
	}

	_, err = w.Write(enc.EncodeAll(nil, nil))

	return err
}

// zeroFrame is a frame of n zero bytes (RFC 8878, section 3.1.1): blocks that
// are one byte and how often it comes. The encoder makes larger ones.
func zeroFrame(n int) []byte {
	const (
		magic     = 0xfd2fb528
		sizeField = 2 << 6 // the header has the content's size, in four bytes
		window    = 12 << 3
		maxBlock  = 128 << 10
		rle, last = 1 << 1, 1
	)

	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = append(b, sizeField, window) // 1 KiB times two to the twelfth: 4 MiB
	b = binary.LittleEndian.AppendUint32(b, uint32(n))

	for n > 0 {
		size := min(n, maxBlock)
		n -= size

		h := size<<3 | rle
		if n == 0 {
			h |= last
		}

		b = append(b, byte(h), byte(h>>8), byte(h>>16), 0)
	}

	return b
}
