package pack

import (
	"context"
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
	zeros := map[int][]byte{}

	err = chunks.Map(ctx, l, zstdChunk, chunks.Options{Workers: o.Workers},
		func(c *chunks.Chunk) ([]byte, error) { return compress(c.Data), nil },
		func(r chunks.Result[[]byte]) error {
			frame := r.Value

			if n := r.Chunk.Length; r.Chunk.Zero() {
				if zeros[n] == nil {
					zeros[n] = compress(make([]byte, n))
				}

				frame = zeros[n]
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
