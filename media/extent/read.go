package extent

import (
	"errors"
	"fmt"
	"io"
)

// ReadAt implements io.ReaderAt over the whole list. A nil list is empty.
func (l *List) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("reading a list at a negative offset")
	}

	if l == nil {
		l = &List{}
	}

	n := 0

	for i := l.find(off); i < len(l.extents) && n < len(p); i++ {
		e := &l.extents[i]
		skip := off + int64(n) - e.Offset
		part := p[n:]

		if int64(len(part)) > e.Length-skip {
			part = part[:e.Length-skip]
		}

		if err := e.readAt(part, skip); err != nil {
			return n, err
		}

		n += len(part)
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

// readAt fills p from the extent, skip bytes after its start.
func (e *Extent) readAt(p []byte, skip int64) error {
	switch e.Kind {
	case Bytes:
		copy(p, e.Data[skip:])
	case Zeros:
		clear(p)
	case Range:
		n, err := e.Source.ReadAt(p, e.SourceOffset+skip)
		if n == len(p) {
			return nil
		}

		if err == nil || errors.Is(err, io.EOF) {
			err = ErrShortSource
		}

		return fmt.Errorf("reading %s at offset %d: %w", e.name(), e.SourceOffset+skip+int64(n), err)
	}

	return nil
}

// name names a range's source in an error.
func (e *Extent) name() string {
	if n, ok := e.Source.(interface{ Name() string }); ok {
		return n.Name()
	}

	return "a source"
}

// NewReader returns a reader of the whole list that can also seek.
func (l *List) NewReader() *io.SectionReader {
	return io.NewSectionReader(l, 0, l.Size())
}

// Bytes returns the whole list in memory. It is meant for small lists
// (headers, tests); a list above limit bytes is an error.
func (l *List) Bytes(limit int64) ([]byte, error) {
	if l.Size() > limit {
		return nil, fmt.Errorf("%d bytes are more than the %d allowed here", l.Size(), limit)
	}

	b := make([]byte, l.Size())
	if _, err := l.ReadAt(b, 0); err != nil {
		return nil, err
	}

	return b, nil
}

// Dump writes one line per extent: offset, length, kind, source. It is what
// golden layout files hold. Names of sources are left out, because they are
// often temporary.
func (l *List) Dump(w io.Writer) error {
	for _, e := range l.Extents() {
		line := fmt.Sprintf("%12d %12d %s", e.Offset, e.Length, e.Kind)
		if e.Kind == Range {
			line += fmt.Sprintf(" from %d", e.SourceOffset)
		}

		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("writing a layout dump: %w", err)
		}
	}

	return nil
}
