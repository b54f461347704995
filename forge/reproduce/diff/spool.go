package diff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// inMemory is how much of an unpacked file is kept in memory.
	inMemory = 4 << 20
	// maxUnpacked bounds what is unpacked from one file: more is not looked
	// into.
	maxUnpacked = 8 << 30
)

// spool keeps unpacked files until the comparison is over.
type spool struct{ files []*os.File }

// keep makes a stream readable at any place. Errors of the stream are opaque:
// they say that the file is damaged.
func (c *comparer) keep(format string, r io.Reader) (*io.SectionReader, error) {
	var head bytes.Buffer

	if _, err := io.CopyN(&head, r, inMemory); errors.Is(err, io.EOF) {
		return io.NewSectionReader(bytes.NewReader(head.Bytes()), 0, int64(head.Len())), nil
	} else if err != nil {
		return nil, opaque(format, err)
	}

	file, err := os.CreateTemp(c.options.Temp, "akmon-diff-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}

	c.spooled.files = append(c.spooled.files, file)

	// The file is gone with the process, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("unlinking a temporary file: %w", err)
	}

	stream := &streamError{r: io.LimitReader(io.MultiReader(&head, r), maxUnpacked+1)}

	n, err := io.Copy(file, stream)

	switch {
	case stream.err != nil:
		return nil, opaque(format, stream.err)
	case err != nil:
		return nil, fmt.Errorf("unpacking: %w", err)
	case n > maxUnpacked:
		return nil, opaque(format, fmt.Errorf("it unpacks to more than %d bytes", int64(maxUnpacked)))
	}

	return io.NewSectionReader(file, 0, n), nil
}

// streamError tells errors of reading from those of writing.
type streamError struct {
	r   io.Reader
	err error
}

func (s *streamError) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}

	return n, err
}

func (s *spool) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}

	return errors.Join(errs...)
}
