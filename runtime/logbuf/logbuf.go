// Package logbuf keeps the last bytes of logs in memory, one ring per service.
package logbuf

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
)

// Buffer is a ring of bytes that many may read while it is written. A reader
// that falls behind by more than the capacity continues at the oldest byte left.
type Buffer struct {
	mu   sync.Mutex
	cond *sync.Cond
	data []byte
	// end is the offset of the next byte since the beginning of the log; the
	// ring holds the last min(end, len(data)) bytes.
	end int64
	cap int
}

// minSize is what a buffer begins with; it doubles up to its capacity, so that
// a service that says little costs little.
const minSize = 4096

// New makes a buffer of at most capacity bytes.
func New(capacity int) *Buffer {
	b := &Buffer{cap: max(capacity, 1)}
	b.data = make([]byte, min(minSize, b.cap))
	b.cond = sync.NewCond(&b.mu)

	return b
}

// Write implements io.Writer; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	written := len(p)

	b.grow(len(p))

	if skip := len(p) - len(b.data); skip > 0 {
		p = p[skip:]
		b.end += int64(skip)
	}

	for len(p) > 0 {
		n := copy(b.data[int(b.end%int64(len(b.data))):], p)
		b.end += int64(n)
		p = p[n:]
	}

	b.cond.Broadcast()

	return written, nil
}

// grow makes room for n more bytes, while the ring has not wrapped: then offset
// and index are the same and the bytes need no moving about.
func (b *Buffer) grow(n int) {
	need := b.end + int64(n)
	if need <= int64(len(b.data)) || len(b.data) == b.cap {
		return
	}

	size := len(b.data)
	for int64(size) < need && size < b.cap {
		size = min(size*2, b.cap)
	}

	data := make([]byte, size)
	copy(data, b.data[:b.end])
	b.data = data
}

func (b *Buffer) start() int64 { return max(0, b.end-int64(len(b.data))) }

// readAt copies bytes from offset; it returns the offset after them.
func (b *Buffer) readAt(p []byte, offset int64) (int, int64) {
	offset = max(offset, b.start())
	total := 0

	for len(p) > 0 && offset < b.end {
		at := int(offset % int64(len(b.data)))
		limit := min(len(b.data), at+int(b.end-offset))
		n := copy(p, b.data[at:limit])
		p, offset, total = p[n:], offset+int64(n), total+n
	}

	return total, offset
}

// ReadOptions choose where a reader begins and whether it waits.
type ReadOptions struct {
	// Follow makes Read wait for more until the context ends.
	Follow bool
	// TailLines begins that many lines before the end; negative means at the
	// beginning.
	TailLines int
}

// Reader reads a buffer from ctx's point of view: after ctx ends, Read returns
// io.EOF. It is not safe for concurrent use. Close frees a waiting Read.
func (b *Buffer) Reader(ctx context.Context, opts ReadOptions) io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	r := &reader{b: b, ctx: ctx, cancel: cancel, follow: opts.Follow, offset: b.start()}
	r.stop = context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()

		b.cond.Broadcast()
	})

	if opts.TailLines >= 0 {
		r.offset = b.tail(opts.TailLines)
	}

	return r
}

// tail finds where the last n lines begin.
func (b *Buffer) tail(n int) int64 {
	all := make([]byte, b.end-b.start())
	b.readAt(all, b.start())

	at := len(all)
	if at > 0 && all[at-1] == '\n' {
		at--
	}

	for ; n > 0; n-- {
		at = bytes.LastIndexByte(all[:max(at, 0)], '\n')
		if at < 0 {
			return b.start()
		}
	}

	if at == len(all)-1 || at == len(all) { // no line was asked for
		return b.end
	}

	return b.start() + int64(at) + 1
}

type reader struct {
	b      *Buffer
	ctx    context.Context //nolint:containedctx
	cancel context.CancelFunc
	stop   func() bool
	follow bool
	offset int64
}

func (r *reader) Read(p []byte) (int, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()

	for {
		if r.ctx.Err() != nil {
			return 0, io.EOF
		}

		n, next := r.b.readAt(p, r.offset)
		if n > 0 {
			r.offset = next

			return n, nil
		}

		if !r.follow {
			return 0, io.EOF
		}

		r.b.cond.Wait()
	}
}

func (r *reader) Close() error {
	r.cancel()
	r.stop()

	return nil
}

// Set is the logs of a machine by name. It is safe for concurrent use.
type Set struct {
	mu   sync.Mutex
	logs map[string]*Buffer
	cap  int
}

// NewSet makes a set whose buffers hold at most capacity bytes each.
func NewSet(capacity int) *Set { return &Set{logs: map[string]*Buffer{}, cap: capacity} }

// Get returns the log of a name, and makes it if need be.
func (s *Set) Get(name string) *Buffer {
	s.mu.Lock()
	defer s.mu.Unlock()

	b, ok := s.logs[name]
	if !ok {
		b = New(s.cap)
		s.logs[name] = b
	}

	return b
}

// Find returns the log of a name if there is one.
func (s *Set) Find(name string) (*Buffer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	b, ok := s.logs[name]

	return b, ok
}

// Names lists the logs in order.
func (s *Set) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()

	names := make([]string, 0, len(s.logs))
	for name := range s.logs {
		names = append(names, name)
	}

	slices.Sort(names)

	return names
}
