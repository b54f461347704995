package kmsg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Device is where the kernel's ring buffer is read and written.
const Device = "/dev/kmsg"

// maxRecord is the longest record that the kernel returns (CONSOLE_EXT_LOG_MAX).
const maxRecord = 8192

// Options choose what Read returns.
type Options struct {
	// Follow waits for new records until the context ends.
	Follow bool
	// Tail skips what is there already.
	Tail bool
}

// Read calls fn with each record of the ring buffer at path. It stops at the
// end of the buffer unless it follows, and when fn fails or ctx ends; a context
// that ends is not an error. Records that were overwritten before they could be
// read are skipped.
func Read(ctx context.Context, path string, opts Options, fn func(Message) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	// A non-blocking descriptor goes to the poller, so that Close wakes a reader.
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() //nolint:errcheck

	if opts.Tail {
		if _, err = unix.Seek(fd, 0, io.SeekEnd); err != nil {
			return fmt.Errorf("seek %s: %w", path, err)
		}
	}

	stop := context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck
	defer stop()

	buf := make([]byte, maxRecord)

	for ctx.Err() == nil {
		n, err := read(f, fd, buf, opts.Follow)

		switch {
		case errors.Is(err, syscall.EPIPE):
			continue // overwritten while we were away; the next read is the oldest left
		case errors.Is(err, syscall.EINVAL):
			// The record is longer than the buffer, which no kernel writes.
			return fmt.Errorf("read %s: %w", path, err)
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", path, err)
		}

		msg, err := Parse(buf[:n])
		if err != nil {
			continue // a kernel that adds to the format must not stop the log
		}

		if err := fn(msg); err != nil {
			return err
		}
	}

	return nil
}

func read(f *os.File, fd int, buf []byte, wait bool) (int, error) {
	if wait {
		return f.Read(buf)
	}

	n, err := unix.Read(fd, buf)
	if n < 0 {
		n = 0
	}

	return n, err
}

// maxLine is what one write may be long (PRINTKRB_RECORD_MAX less the prefix).
const maxLine = 960

// Writer writes lines to the ring buffer with facility daemon and level info.
// It is safe for concurrent use.
type Writer struct {
	mu      sync.Mutex
	w       io.Writer
	partial []byte
	tag     string
}

// NewWriter makes a Writer; every line begins with "[tag] ".
func NewWriter(w io.Writer, tag string) *Writer { return &Writer{w: w, tag: tag} }

// Write implements io.Writer. A line is written when it is complete; a long one
// in pieces. Errors of the device are not reported: there is no better place to
// write them to.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.partial = append(w.partial, p...)

	for {
		i := bytes.IndexByte(w.partial, '\n')
		if i < 0 && len(w.partial) < maxLine {
			return len(p), nil
		}

		end, skip := i, i+1
		if i < 0 || i > maxLine {
			end, skip = maxLine, maxLine
		}

		if end > 0 {
			// <30> is daemon.info.
			fmt.Fprintf(w.w, "<30>[%s] %s\n", w.tag, w.partial[:end]) //nolint:errcheck
		}

		w.partial = append(w.partial[:0], w.partial[skip:]...)
	}
}

// BootTime is the wall clock at the kernel's time zero.
func BootTime() time.Time {
	var ts unix.Timespec

	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return time.Time{}
	}

	return time.Now().Add(-time.Duration(ts.Nano()))
}
