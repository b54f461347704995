package extent

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// bufferSize is the largest piece that passes through memory: big enough that
// system calls cost nothing beside the copying, small enough not to show.
const bufferSize = 1 << 20

// WriteTo streams the whole list to w and returns the number of bytes
// written. It implements io.WriterTo. Memory use is bounded by 1 MiB.
func (l *List) WriteTo(w io.Writer) (int64, error) {
	var (
		buf   []byte
		fill  int
		total int64
	)

	flush := func() error {
		n, err := w.Write(buf[:fill])
		total += int64(n)
		fill = 0

		return err
	}

	if l == nil {
		return 0, nil
	}

	for i := range l.extents {
		e := &l.extents[i]

		// A large byte string needs no detour through the buffer.
		if e.Kind == Bytes && fill == 0 && e.Length >= bufferSize {
			n, err := w.Write(e.Data)
			total += int64(n)

			if err != nil {
				return total, err
			}

			continue
		}

		if buf == nil {
			buf = make([]byte, min(l.size, bufferSize))
		}

		for done := int64(0); done < e.Length; {
			part := buf[fill:min(int64(len(buf)), int64(fill)+e.Length-done)]
			if err := e.readAt(part, done); err != nil {
				return total, err
			}

			done += int64(len(part))

			if fill += len(part); fill == len(buf) {
				if err := flush(); err != nil {
					return total, err
				}
			}
		}
	}

	if fill > 0 {
		if err := flush(); err != nil {
			return total, err
		}
	}

	return total, nil
}

// WriteFile writes the list into f from offset off. What f holds inside the
// written range is replaced wholly: zeros become holes in a regular file
// (punched where there was data) and are written as zeros elsewhere, so that
// a device full of noise ends up right too. A regular file that is too short
// is extended; one that is longer keeps its tail.
//
// File ranges are copied inside the kernel where it can, sharing blocks where
// the file system can. The data is not flushed to disk: see [Output.Commit].
func (l *List) WriteFile(f *os.File, off int64) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the size of the output: %w", err)
	}

	w := fileWriter{f: f, regular: st.Mode().IsRegular()}

	if w.regular {
		w.dataEnd = st.Size()

		if end := off + l.Size(); end > st.Size() {
			if err := f.Truncate(end); err != nil {
				return fmt.Errorf("extending the output to %d bytes: %w", end, err)
			}
		}
	}

	if l == nil {
		return nil
	}

	for i := range l.extents {
		if err := w.write(&l.extents[i], off); err != nil {
			return err
		}
	}

	return w.flush()
}

// fileWriter gathers small neighbours in one buffer, so that headers, tables
// and their paddings become few large writes.
type fileWriter struct {
	f       *os.File
	regular bool
	dataEnd int64 // a regular file has no data from here on: skipping makes a hole
	buf     []byte
	start   int64 // file offset of buf
}

// smallRun is the length up to which zeros or a byte string are gathered.
const smallRun = 64 << 10

func (w *fileWriter) write(e *Extent, off int64) error {
	at := off + e.Offset

	switch {
	case e.Kind == Range && e.Length >= smallRun:
		if err := w.flush(); err != nil {
			return err
		}

		return w.copyRange(e, at)
	case e.Kind == Zeros && e.Length >= smallRun:
		if err := w.flush(); err != nil {
			return err
		}

		return w.zero(at, e.Length)
	case e.Kind == Bytes && e.Length >= smallRun:
		if err := w.flush(); err != nil {
			return err
		}

		return w.pwrite(e.Data, at)
	}

	if len(w.buf)+int(e.Length) > cap(w.buf) {
		if err := w.flush(); err != nil {
			return err
		}

		if w.buf == nil {
			w.buf = make([]byte, 0, 4*smallRun)
		}
	}

	if len(w.buf) == 0 {
		w.start = at
	}

	n := len(w.buf)
	w.buf = w.buf[:n+int(e.Length)]

	return e.readAt(w.buf[n:], 0)
}

func (w *fileWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}

	err := w.pwrite(w.buf, w.start)
	w.buf = w.buf[:0]

	return err
}

func (w *fileWriter) pwrite(p []byte, at int64) error {
	if _, err := w.f.WriteAt(p, at); err != nil {
		return fmt.Errorf("writing at offset %d: %w", at, err)
	}

	return nil
}

// zero makes n bytes from at read as zeros.
func (w *fileWriter) zero(at, n int64) error {
	if w.regular {
		if at >= w.dataEnd {
			return nil
		}

		if ok, err := punchHole(w.f, at, n); ok || err != nil {
			return err
		}
	}

	zeros := make([]byte, min(n, bufferSize))
	for n > 0 {
		part := zeros[:min(n, int64(len(zeros)))]
		if err := w.pwrite(part, at); err != nil {
			return err
		}

		at += int64(len(part))
		n -= int64(len(part))
	}

	return nil
}

// copyRange copies a file range: inside the kernel first, the rest by hand.
func (w *fileWriter) copyRange(e *Extent, at int64) error {
	done := int64(0)

	if src, ok := e.Source.(*os.File); ok && w.regular {
		n, err := copyFileRange(w.f, at, src, e.SourceOffset, e.Length)
		if err != nil {
			return fmt.Errorf("copying %s: %w", e.name(), err)
		}

		done = n
	}

	if done == e.Length {
		return nil
	}

	buf := make([]byte, min(e.Length-done, bufferSize))
	for done < e.Length {
		part := buf[:min(e.Length-done, int64(len(buf)))]
		if err := e.readAt(part, done); err != nil {
			return err
		}

		if err := w.pwrite(part, at+done); err != nil {
			return err
		}

		done += int64(len(part))
	}

	return nil
}

// isUnsupported recognises what a kernel or file system answers when it can't do
// a fast path that a plain write can.
func isUnsupported(err error, list ...error) bool {
	for _, u := range list {
		if errors.Is(err, u) {
			return true
		}
	}

	return errors.Is(err, errors.ErrUnsupported)
}
