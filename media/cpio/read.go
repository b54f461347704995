package cpio

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrFormat is returned (wrapped) for what is not a newc archive or a damaged one.
var ErrFormat = errors.New("not a valid cpio archive")

// Header describes one entry of an archive that is read.
type Header struct {
	Path         string // as stored
	Inode        uint32
	Mode         uint32 // type and permissions
	UID, GID     uint32
	Links        uint32
	ModTime      time.Time
	Size         int64 // bytes
	Major, Minor uint32
	// Offset is where the content starts in the archive, in bytes.
	Offset int64
}

// Reader reads an archive from a stream. It is not safe for concurrent use.
type Reader struct {
	r    io.Reader
	pos  int64
	left int64 // content of the current entry
	done bool
}

// NewReader returns a reader of the first archive in r. It reads no further
// than the archive's trailer.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Offset returns how many bytes have been read.
func (r *Reader) Offset() int64 { return r.pos }

// Next skips to the next entry. At the trailer it returns io.EOF.
func (r *Reader) Next() (*Header, error) {
	if r.done {
		return nil, io.EOF
	}

	if err := r.skip(r.left); err != nil {
		return nil, fmt.Errorf("reading a cpio archive: %w", err)
	}

	r.left = 0

	if err := r.skip(-r.pos & 3); err != nil {
		return nil, fmt.Errorf("reading a cpio archive: %w", err)
	}

	h, err := r.header()
	if err != nil {
		return nil, fmt.Errorf("reading a cpio archive at offset %d: %w", r.pos, err)
	}

	if h.Path == trailer {
		r.done = true
		return nil, io.EOF
	}

	r.left = h.Size

	return h, nil
}

func (r *Reader) header() (*Header, error) {
	var b [headerSize]byte
	if err := r.full(b[:]); err != nil {
		return nil, err
	}

	if m := string(b[:6]); m != magic && m != magicCRC {
		return nil, fmt.Errorf("the magic number is %q: %w", m, ErrFormat)
	}

	var v [13]uint32

	for i := range v {
		var raw [4]byte
		if _, err := hex.Decode(raw[:], b[6+8*i:][:8]); err != nil {
			return nil, fmt.Errorf("field %d: %w: %w", i, err, ErrFormat)
		}

		v[i] = uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
	}

	n := v[11]
	if n == 0 || n > maxName {
		return nil, fmt.Errorf("a name of %d bytes: %w", n, ErrFormat)
	}

	name := make([]byte, n)
	if err := r.full(name); err != nil {
		return nil, err
	}

	if name[n-1] != 0 {
		return nil, fmt.Errorf("a name does not end in a zero byte: %w", ErrFormat)
	}

	if err := r.skip(-r.pos & 3); err != nil {
		return nil, err
	}

	return &Header{
		Path: string(name[:n-1]), Inode: v[0], Mode: v[1], UID: v[2], GID: v[3], Links: v[4],
		ModTime: time.Unix(int64(v[5]), 0).UTC(), Size: int64(v[6]), Major: v[9], Minor: v[10], Offset: r.pos,
	}, nil
}

// Read reads the current entry's content.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}

	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.pos += int64(n)
	r.left -= int64(n)

	if errors.Is(err, io.EOF) && r.left > 0 {
		err = fmt.Errorf("reading a cpio entry: %w: %w", io.ErrUnexpectedEOF, ErrFormat)
	}

	return n, err
}

func (r *Reader) full(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.pos += int64(n)

	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends without a trailer: %w", ErrFormat)
	}

	return err
}

func (r *Reader) skip(n int64) error {
	if n == 0 {
		return nil
	}

	m, err := io.CopyN(io.Discard, r.r, n)
	r.pos += m

	if errors.Is(err, io.EOF) {
		return fmt.Errorf("it is cut off: %w", ErrFormat)
	}

	return err
}
