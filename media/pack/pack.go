package pack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/akmon-os/akmon/media/extent"
)

// Format is a way of compression.
type Format uint8

// The formats.
const (
	Gzip Format = iota
	Xz
	Zstd
)

// String is the format's program: "gzip", "xz", "zstd".
func (f Format) String() string {
	switch f {
	case Gzip:
		return "gzip"
	case Xz:
		return "xz"
	case Zstd:
		return "zstd"
	default:
		return fmt.Sprintf("Format(%d)", f)
	}
}

// ErrFormat means that there is no such format.
var ErrFormat = errors.New("unknown compression format")

// Options are what may be left at zero.
type Options struct {
	// Level is 1 (fastest) to 9 (smallest); 0 is the usual one of the format's
	// program. An .xz has one level.
	Level int
	// Workers is how many pieces are compressed at a time; 0 means one for each
	// processor, at most 16. Each takes a few times the size of a piece.
	Workers int
	// Finish, when not nil, is called when all has been compressed and before
	// the last bytes are written. If it fails, what was written stays without
	// its end, so that what reads it fails too.
	Finish func() error
}

// Write writes the list to w, compressed. The first bytes come at once. On an
// error what was written is of no use.
func Write(ctx context.Context, w io.Writer, l *extent.List, f Format, o Options) error {
	if o.Finish == nil {
		o.Finish = func() error { return nil }
	}

	var err error

	switch f {
	case Gzip:
		err = writeGzip(ctx, w, l, o)
	case Xz:
		err = writeXz(ctx, w, l, o)
	case Zstd:
		err = writeZstd(ctx, w, l, o)
	default:
		return fmt.Errorf("%w: %s", ErrFormat, f)
	}

	if err != nil {
		return fmt.Errorf("compressing with %s: %w", f, err)
	}

	return nil
}
