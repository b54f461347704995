package vmdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// Image is an opened file.
type Image struct {
	size      int64 // of the disk
	file      io.ReaderAt
	end       int64
	directory []uint32

	mu     sync.Mutex
	number int64 // of the grain that was read last, -1 before any
	grain  []byte
	dir    int64 // of the table that was read last, -1 before any
	table  []byte
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Open reads the footer and the directory of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	h := make([]byte, sector)
	if err := readFull(r, h, 0); err != nil {
		return nil, fmt.Errorf("reading the header of a VMDK: %w", err)
	}

	if string(h[:4]) == magic && le.Uint64(h[56:]) == atEnd {
		// The footer comes before the end-of-stream marker.
		if err := readFull(r, h, size-2*sector); err != nil {
			return nil, fmt.Errorf("reading the footer of a VMDK: %w", err)
		}
	}

	capacity, at := le.Uint64(h[12:]), le.Uint64(h[56:])

	switch {
	case string(h[:4]) != magic:
		return nil, bad("it has no header or footer")
	case le.Uint32(h[8:])&(1<<16) == 0 || le.Uint16(h[77:]) != 1:
		return nil, bad("its grains are not compressed")
	case le.Uint64(h[20:]) != grainSectors || le.Uint32(h[44:]) != perTable:
		return nil, bad("grains of %d sectors, tables of %d", le.Uint64(h[20:]), le.Uint32(h[44:]))
	case capacity == 0 || capacity > MaxSize/sector:
		return nil, bad("its disk has %d sectors", capacity)
	case at > uint64(size/sector):
		return nil, bad("its directory is at sector %d", at)
	}

	i := &Image{size: int64(capacity) * sector, file: r, end: size, number: -1, dir: -1}

	b := make([]byte, 4*((i.size+perTable*GrainSize-1)/(perTable*GrainSize)))
	if err := readFull(r, b, int64(at)*sector); err != nil {
		return nil, fmt.Errorf("reading the directory of a VMDK: %w", err)
	}

	for ; len(b) > 0; b = b[4:] {
		i.directory = append(i.directory, le.Uint32(b))
	}

	return i, nil
}

// readFull reads all of p; the end of the file is an error of the format.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	if at < 0 {
		return bad("it is too short")
	}

	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}

	if err == nil || errors.Is(err, io.EOF) {
		return bad("it ends at byte %d, where %d bytes more were to be", at+int64(n), len(p)-n)
	}

	return err
}

// Size is the size of the disk, in bytes.
func (i *Image) Size() int64 { return i.size }

// ReadAt reads from the disk. It may be called by several goroutines, which
// then wait for one another.
func (i *Image) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, bad("a negative offset")
	}

	i.mu.Lock()
	defer i.mu.Unlock()

	for n < len(p) && off < i.size {
		in := off % GrainSize
		part := p[n:min(int64(len(p)), int64(n)+min(GrainSize-in, i.size-off))]

		g, err := i.load(off / GrainSize)
		if err != nil {
			return n, err
		}

		if g == nil {
			clear(part)
		} else {
			copy(part, g[in:])
		}

		n += len(part)
		off += int64(len(part))
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

// load returns a grain, nil for one that is not stored.
func (i *Image) load(n int64) ([]byte, error) {
	if n == i.number {
		return i.grain, nil
	}

	if d := n / perTable; d != i.dir {
		i.dir, i.table = -1, nil

		if at := i.directory[d]; at != 0 {
			t := make([]byte, 4*perTable)
			if err := readFull(i.file, t, int64(at)*sector); err != nil {
				return nil, fmt.Errorf("reading a table of a VMDK: %w", err)
			}

			i.table = t
		}

		i.dir = d
	}

	var at uint32
	if i.table != nil {
		at = le.Uint32(i.table[4*(n%perTable):])
	}

	i.number, i.grain = -1, nil

	if at > 1 { // 1 is a grain of zeros
		g, err := i.unpack(n, int64(at)*sector)
		if err != nil {
			return nil, err
		}

		i.grain = g
	}

	i.number = n

	return i.grain, nil
}

func (i *Image) unpack(n, at int64) ([]byte, error) {
	var m [12]byte
	if err := readFull(i.file, m[:], at); err != nil {
		return nil, fmt.Errorf("reading grain %d of a VMDK: %w", n, err)
	}

	length := le.Uint32(m[8:])
	if le.Uint64(m[:]) != uint64(n*grainSectors) || length > 2*GrainSize {
		return nil, bad("grain %d has a marker for sector %d and %d bytes", n, le.Uint64(m[:]), length)
	}

	data := make([]byte, length)
	if err := readFull(i.file, data, at+12); err != nil {
		return nil, fmt.Errorf("reading grain %d of a VMDK: %w", n, err)
	}

	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, bad("grain %d: %v", n, err)
	}

	g := make([]byte, GrainSize)
	if _, err := io.ReadFull(z, g); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, bad("grain %d: %v", n, err)
	}

	return g, nil
}
