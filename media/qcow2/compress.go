package qcow2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

// deflateWindow is as far as QEMU lets compressed data look back, in bytes.
const deflateWindow = 4 << 10

// CompressOptions are what may be left at zero.
type CompressOptions struct {
	Options
	// Compression is Deflate or Zstd.
	Compression Compression
	// Workers is how many pieces are compressed at a time; 0 means one for each
	// processor, at most 16.
	Workers int
}

// batch is about what one piece of work compresses, in bytes.
const batch = 1 << 20

// Compress writes the file for a disk to w, with compressed clusters, and
// returns its size. Clusters that are all zeros are not stored. On an error
// what was written is of no use.
func Compress(ctx context.Context, w io.WriterAt, disk *extent.List, o CompressOptions) (int64, error) {
	g, err := newGeometry(disk.Size(), o.ClusterSize)
	if err != nil {
		return 0, err
	}

	newCompressor, err := o.compressor(g.cluster)
	if err != nil {
		return 0, err
	}

	pool := sync.Pool{New: func() any { return newCompressor() }}
	c := &compressor{g: g, w: w, l2: map[int64][]byte{}, counts: []uint16{1}}

	err = chunks.Map(ctx, disk, int(max(batch, g.cluster)), chunks.Options{Workers: o.Workers},
		func(k *chunks.Chunk) ([][]byte, error) {
			z := pool.Get().(func([]byte) ([]byte, error))
			defer pool.Put(z)

			return clusters(k.Data, int(g.cluster), z)
		},
		func(r chunks.Result[[][]byte]) error {
			first := r.Chunk.Offset / g.cluster

			for i, data := range r.Value {
				if data == nil {
					continue
				}

				if err := c.add(first+int64(i), data); err != nil {
					return err
				}
			}

			return nil
		})
	if err != nil {
		return 0, err
	}

	return c.finish(o.Compression)
}

// compressor returns what makes a function that compresses a cluster; the
// function is for one goroutine at a time, its result is the caller's.
func (o *CompressOptions) compressor(cluster int64) (func() func([]byte) ([]byte, error), error) {
	switch o.Compression {
	case Zstd:
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(int(max(cluster, zstd.MinWindowSize))))
		if err != nil {
			return nil, err
		}

		return func() func([]byte) ([]byte, error) {
			return func(b []byte) ([]byte, error) { return enc.EncodeAll(b, nil), nil }
		}, nil
	case Deflate:
		if _, err := flate.NewWriterWindow(io.Discard, deflateWindow); err != nil {
			return nil, err
		}

		return func() func([]byte) ([]byte, error) {
			z, _ := flate.NewWriterWindow(io.Discard, deflateWindow) // it worked above

			return func(b []byte) ([]byte, error) {
				var out bytes.Buffer
				z.Reset(&out)

				if _, err := z.Write(b); err != nil {
					return nil, err
				}

				err := z.Close()

				return out.Bytes(), err
			}
		}, nil
	default:
		return nil, fmt.Errorf("%w: compression %d", ErrOptions, o.Compression)
	}
}

// clusters compresses data cluster by cluster: nil is one of zeros, a whole
// cluster is one that does not shrink.
func clusters(data []byte, size int, compress func([]byte) ([]byte, error)) ([][]byte, error) {
	var out [][]byte

	for len(data) > 0 {
		c := data[:min(size, len(data))]
		data = data[len(c):]

		if chunks.AllZero(c) {
			out = append(out, nil)
			continue
		}

		if len(c) < size { // the end of the disk
			c = append(make([]byte, 0, size), c...)[:size]
		}

		z, err := compress(c)
		if err != nil {
			return nil, err
		}

		if len(z) >= size {
			z = bytes.Clone(c) // the chunk's memory is used again, later
		}

		out = append(out, z)
	}

	return out, nil
}

// compressor puts clusters in the file. Compressed ones are packed byte to
// byte in clusters of the file; whole ones get one of their own.
type compressor struct {
	g      geometry
	w      io.WriterAt
	l2     map[int64][]byte
	counts []uint16 // of references to the clusters of the file; its length is the file's
	pack   int64    // where the next compressed cluster goes
	room   int64    // how much of the file's cluster is left there
}

func (c *compressor) write(b []byte, at int64) error {
	if _, err := c.w.WriteAt(b, at); err != nil {
		return fmt.Errorf("writing a qcow2 image at offset %d: %w", at, err)
	}

	return nil
}

// grow adds n clusters to the file and returns where they are.
func (c *compressor) grow(n int64) int64 {
	at := int64(len(c.counts)) * c.g.cluster
	c.counts = append(c.counts, make([]uint16, n)...)

	return at
}

// end is the file's length.
func (c *compressor) end() int64 { return int64(len(c.counts)) * c.g.cluster }

func (c *compressor) add(n int64, data []byte) error {
	size := int64(len(data))

	var entry uint64

	if size == c.g.cluster {
		at := c.grow(1)
		c.counts[at/c.g.cluster] = 1

		if err := c.write(data, at); err != nil {
			return err
		}

		entry = uint64(at) | copied
	} else {
		at, err := c.packed(data)
		if err != nil {
			return err
		}

		// How many further sectors the data touch comes above the offset.
		shift := 62 - (c.g.bits - 8)
		sectors := (at+size-1)>>9 - at>>9
		entry = compressed | uint64(sectors)<<shift | uint64(at)
	}

	t := c.l2[n/c.g.perL2]
	if t == nil {
		t = make([]byte, c.g.cluster)
		c.l2[n/c.g.perL2] = t
	}

	be.PutUint64(t[n%c.g.perL2*8:], entry)

	return nil
}

// packed writes a compressed cluster and counts it in the clusters that it
// touches.
func (c *compressor) packed(data []byte) (int64, error) {
	size := int64(len(data))

	if size > c.room {
		// On into the next cluster, if that is the file's next.
		if c.room > 0 && c.pack+c.room == c.end() {
			c.grow(1)
			c.room += c.g.cluster
		} else {
			c.pack, c.room = c.grow(1), c.g.cluster
		}
	}

	at := c.pack
	if err := c.write(data, at); err != nil {
		return 0, err
	}

	c.pack += size
	c.room -= size

	last := (at + size - 1) / c.g.cluster
	for i := at / c.g.cluster; i <= last; i++ {
		if c.counts[i]++; c.counts[i] == 0 {
			return 0, fmt.Errorf("%w: too many compressed clusters in one of %d bytes", ErrOptions, c.g.cluster)
		}
	}

	// One reference more would not fit, whatever it is.
	if c.counts[last] == 1<<16-1 {
		c.room = 0
	}

	return at, nil
}

// finish writes the tables behind the data, and the header.
func (c *compressor) finish(kind Compression) (int64, error) {
	g := c.g
	l1 := make([]byte, max(ceil(g.l1*8, g.cluster), 1)*g.cluster)

	for i := range g.l1 {
		t := c.l2[i]
		if t == nil {
			continue
		}

		at := c.grow(1)
		c.counts[at/g.cluster] = 1

		if err := c.write(t, at); err != nil {
			return 0, err
		}

		be.PutUint64(l1[i*8:], uint64(at)|copied)
	}

	l1At := c.grow(int64(len(l1)) / g.cluster)

	used := int64(len(c.counts))

	table, blocks, err := g.refcounts(used)
	if err != nil {
		return 0, err
	}

	tableAt := c.grow(table)
	blocksAt := c.grow(blocks)

	for i := l1At / g.cluster; i < int64(len(c.counts)); i++ {
		c.counts[i] = 1
	}

	rt := make([]byte, table*g.cluster)
	for i := range blocks {
		be.PutUint64(rt[i*8:], uint64(blocksAt+i*g.cluster))
	}

	rb := make([]byte, blocks*g.cluster)
	for i, n := range c.counts {
		be.PutUint16(rb[i*refcountSize:], n)
	}

	for _, part := range []struct {
		b  []byte
		at int64
	}{{l1, l1At}, {rt, tableAt}, {rb, blocksAt}, {g.header(l1At, tableAt, table, kind), 0}} {
		if err := c.write(part.b, part.at); err != nil {
			return 0, err
		}
	}

	return c.end(), nil
}
