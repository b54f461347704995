package xz

import (
	"errors"
	"io"
)

// source is a buffered reader that knows its offset.
type source struct {
	r    io.Reader
	buf  []byte
	pos  int // of the next byte in buf
	end  int // of the bytes in buf
	base int64
}

func newSource(r io.Reader) source {
	return source{r: r, buf: make([]byte, 128<<10)}
}

// offset is how many bytes were taken so far.
func (s *source) offset() int64 { return s.base + int64(s.pos) }

// peek makes n bytes available at pos if the file has so many, and returns how
// many are; the error is io.EOF at the end.
func (s *source) peek(n int) (int, error) {
	if s.end-s.pos >= n {
		return n, nil
	}

	copy(s.buf, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.pos, s.end = 0, s.end-s.pos

	for s.end < n {
		got, err := s.r.Read(s.buf[s.end:])
		s.end += got

		if err != nil && s.end < n {
			return s.end, err
		}
	}

	return n, nil
}

func (s *source) byte() (byte, error) {
	if s.pos == s.end {
		if _, err := s.peek(1); err != nil {
			return 0, unexpected(err)
		}
	}

	b := s.buf[s.pos]
	s.pos++

	return b, nil
}

// zero takes a byte that must be zero.
func (s *source) zero() error {
	b, err := s.byte()
	if err == nil && b != 0 {
		return errors.New("a byte that must be zero is not")
	}

	return err
}

// full fills p.
func (s *source) full(p []byte) error {
	for len(p) > 0 {
		if s.pos == s.end {
			if _, err := s.peek(1); err != nil {
				return unexpected(err)
			}
		}

		n := copy(p, s.buf[s.pos:s.end])
		s.pos += n
		p = p[n:]
	}

	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}

	return err
}
