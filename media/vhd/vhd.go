package vhd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

const (
	// Alignment is what the size of a disk must be a multiple of, in bytes, so
	// that Azure takes it.
	Alignment = 1 << 20
	// FooterSize is how much longer a file is than its disk, in bytes.
	FooterSize = 512
	// MaxSize is the largest disk, in bytes: 2040 GiB, as hypervisors have it.
	MaxSize = 2040 << 30

	cookie   = "conectix"
	fixed    = 2
	noOffset = 1<<64 - 1
	// timeZero is what the footer counts seconds from.
	timeZero = 946684800 // 2000-01-01T00:00:00Z
)

var (
	// ErrSize means that a disk of this size can't be one of Azure's.
	ErrSize = errors.New("invalid size for a VHD")
	// ErrFormat means that a file is not a fixed VHD, or damaged.
	ErrFormat = errors.New("not a fixed VHD")
)

var be = binary.BigEndian

// Options are what may be left at zero.
type Options struct {
	ID   [16]byte  // identifies the disk
	Time time.Time // the zero time is 2000-01-01
}

// New returns the file for a disk.
func New(disk *extent.List, o Options) (*extent.List, error) {
	size := disk.Size()
	if size == 0 || size%Alignment != 0 || size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes are not a multiple of 1 MiB up to 2040 GiB", ErrSize, size)
	}

	out := &extent.List{}
	out.Append(disk)
	out.AppendBytes(footer(size, o))

	return out, nil
}

func footer(size int64, o Options) []byte {
	f := make([]byte, FooterSize)
	copy(f, cookie)
	be.PutUint32(f[8:], 2)        // features: the bit that is always set
	be.PutUint32(f[12:], 0x10000) // version 1.0
	be.PutUint64(f[16:], noOffset)

	if s := o.Time.Unix() - timeZero; !o.Time.IsZero() && s > 0 && s < 1<<32 {
		be.PutUint32(f[24:], uint32(s))
	}

	// Readers take the size from its field, not from the geometry, only where
	// they know the creator: this is the one that all know.
	copy(f[28:], "win ")
	be.PutUint32(f[32:], 0x000a0000)
	copy(f[36:], "Wi2k")
	be.PutUint64(f[40:], uint64(size))
	be.PutUint64(f[48:], uint64(size))

	c, h, s := geometry(size / 512)
	be.PutUint16(f[56:], c)
	f[58], f[59] = h, s

	be.PutUint32(f[60:], fixed)
	copy(f[68:84], o.ID[:])
	be.PutUint32(f[64:], checksum(f))

	return f
}

// checksum is the complement of the sum of all bytes but its own.
func checksum(f []byte) uint32 {
	var sum uint32

	for i, b := range f {
		if i < 64 || i >= 68 {
			sum += uint32(b)
		}
	}

	return ^sum
}

// geometry is the specification's "CHS Calculation".
func geometry(sectors int64) (cylinders uint16, heads, perTrack uint8) {
	sectors = min(sectors, 65535*16*255)

	if sectors >= 65535*16*63 {
		return uint16(sectors / 255 / 16), 16, 255
	}

	s := int64(17)
	ch := sectors / s
	h := max((ch+1023)/1024, 4)

	if ch >= h*1024 || h > 16 {
		s, h = 31, 16
		ch = sectors / s
	}

	if ch >= h*1024 {
		s, h = 63, 16
		ch = sectors / s
	}

	return uint16(ch / h), uint8(h), uint8(s)
}

// Image is an opened file.
type Image struct {
	ID   [16]byte
	Time time.Time

	disk *io.SectionReader
}

// Open reads the footer of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	if size < FooterSize {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, size)
	}

	f := make([]byte, FooterSize)
	if _, err := r.ReadAt(f, size-FooterSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the footer of a VHD: %w", err)
	}

	disk := be.Uint64(f[48:])

	switch {
	case string(f[:8]) != cookie:
		return nil, fmt.Errorf("%w: it has no footer", ErrFormat)
	case be.Uint32(f[64:]) != checksum(f):
		return nil, fmt.Errorf("%w: the footer's checksum is wrong", ErrFormat)
	case be.Uint32(f[60:]) != fixed:
		return nil, fmt.Errorf("%w: its type is %d, not %d", ErrFormat, be.Uint32(f[60:]), fixed)
	case disk > uint64(size-FooterSize):
		return nil, fmt.Errorf("%w: the disk has %d bytes, the file %d", ErrFormat, disk, size)
	}

	return &Image{
		ID:   [16]byte(f[68:84]),
		Time: time.Unix(timeZero+int64(be.Uint32(f[24:])), 0).UTC(),
		disk: io.NewSectionReader(r, 0, int64(disk)),
	}, nil
}

// Size is the size of the disk, in bytes.
func (i *Image) Size() int64 { return i.disk.Size() }

// ReadAt reads from the disk. It is as safe for concurrent use as the file.
func (i *Image) ReadAt(p []byte, off int64) (int, error) { return i.disk.ReadAt(p, off) }
