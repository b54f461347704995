// Package chunks works through a list of extents in pieces of one size: many
// at a time, on all processors, with the results in order.
//
// It is what every compressing writer of media/ is built on. Pieces that are
// all zeros (holes of the list, or data that happens to be zero) are told
// apart, so that a disk image costs what its data costs, not its size. What is
// made from a piece depends on that piece alone, or on it and the one before:
// so the output is the same whatever the number of processors.
package chunks

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/akmon-os/akmon/media/extent"
)

// maxWorkers bounds the memory on machines with many processors.
const maxWorkers = 16

// Chunk is one piece of a list.
type Chunk struct {
	Offset int64  // in the list, in bytes
	Length int    // in bytes; the size asked for, but for the last chunk
	Data   []byte // Length bytes, or nil when all of them are zero
	// Before is what comes before Data, as much as Options.Before says; nil
	// when Data is, at the start of the list, and when it is all zeros.
	Before []byte
}

// Zero tells whether all bytes of the chunk are zero.
func (c *Chunk) Zero() bool { return c.Data == nil }

// Options are what may be left at zero.
type Options struct {
	// Before is how many bytes before a chunk its work wants to see, at most
	// the size of a chunk.
	Before int
	// Workers is how many chunks are worked on at a time; 0 means one for each
	// processor, at most 16.
	Workers int
}

// Result is what becomes of a chunk.
type Result[T any] struct {
	Chunk *Chunk
	Value T // of work; the zero value where the chunk is zero

	err error
	buf *[]byte // goes back to the pool after emit
}

// Map calls work on every chunk of the list that is not zero, in parallel, and
// then emit on every chunk, zero or not, in order and one at a time. Data and
// Before are valid until emit returns. The first error of either, of reading the list, or
// of the context ends it; no goroutine is left.
func Map[T any](ctx context.Context, l *extent.List, size int, o Options,
	work func(*Chunk) (T, error), emit func(Result[T]) error,
) error {
	if size <= 0 || o.Before < 0 || o.Before > size {
		return fmt.Errorf("chunks of %d bytes with %d before them", size, o.Before)
	}

	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}

	ctx, cancel := context.WithCancelCause(ctx)

	var running sync.WaitGroup

	defer running.Wait()
	defer cancel(nil)

	// A place in the queue is a chunk that is in memory.
	queue := make(chan chan Result[T], o.Workers)
	slots := make(chan struct{}, o.Workers)
	pool := sync.Pool{New: func() any { b := make([]byte, o.Before+size); return &b }}

	running.Go(func() {
		defer close(queue)

		for off := int64(0); off < l.Size(); off += int64(size) {
			c := &Chunk{Offset: off, Length: int(min(int64(size), l.Size()-off))}
			done := make(chan Result[T], 1)

			if l.IsZeros(off, int64(c.Length)) {
				done <- Result[T]{Chunk: c}
			} else {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}

				running.Go(func() {
					defer func() { <-slots }()

					buf := pool.Get().(*[]byte)
					r := run(l, c, *buf, o.Before, work)
					r.buf = buf
					done <- r
				})
			}

			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
		}
	})

	for done := range queue {
		r := <-done
		if r.err == nil && ctx.Err() == nil {
			r.err = emit(r)
		}

		if r.err != nil {
			cancel(r.err)
			return r.err
		}

		if r.buf != nil {
			pool.Put(r.buf)
		}
	}

	return context.Cause(ctx)
}

// run reads a chunk and works on it.
func run[T any](l *extent.List, c *Chunk, buf []byte, before int, work func(*Chunk) (T, error)) Result[T] {
	before = int(min(int64(before), c.Offset))
	buf = buf[:before+c.Length]

	if _, err := l.ReadAt(buf, c.Offset-int64(before)); err != nil {
		return Result[T]{Chunk: c, err: err}
	}

	data := buf[before:]
	if AllZero(data) {
		return Result[T]{Chunk: c}
	}

	c.Data = data
	if !AllZero(buf[:before]) {
		c.Before = buf[:before]
	}

	v, err := work(c)

	return Result[T]{Chunk: c, Value: v, err: err}
}

var zeros [4096]byte

// AllZero tells whether b has no other bytes than zeros.
func AllZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}

		b = b[len(zeros):]
	}

	return bytes.Equal(b, zeros[:len(b)])
}
