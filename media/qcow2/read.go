package qcow2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// ErrFormat means that a file is not a qcow2 image, damaged, or of a kind that
// is not read.
var ErrFormat = errors.New("not a readable qcow2 image")

// knownFeatures are the incompatible features that can be read: the dirty bit
// (reference counts may be wrong, which don't matter here) and compression.
const knownFeatures = 1<<0 | featureCompress

// Image is an opened file.
type Image struct {
	// Version is 2 or 3.
	Version int
	// Compression is that of clusters which are compressed, if any is.
	Compression Compression

	g    geometry
	file io.ReaderAt
	end  int64
	l1   []byte

	mu     sync.Mutex
	number int64 // of the cluster unpacked last, -1 before any
	last   []byte
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Open reads the header and first table of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	h := make([]byte, headerLength)
	if err := readFull(r, h, 0); err != nil {
		return nil, fmt.Errorf("reading the header of a qcow2 image: %w", err)
	}

	i := &Image{Version: int(be.Uint32(h[4:])), file: r, end: size, number: -1}

	switch {
	case string(h[:4]) != magic:
		return nil, bad("its first bytes are others")
	case i.Version != 2 && i.Version != 3:
		return nil, bad("its version is %d", i.Version)
	case be.Uint64(h[8:]) != 0:
		return nil, bad("it has a backing file")
	case be.Uint32(h[32:]) != 0:
		return nil, bad("it is encrypted")
	}

	if i.Version == 3 {
		features := be.Uint64(h[72:])
		if features&^knownFeatures != 0 {
			return nil, bad("it has the incompatible features %#x", features)
		}

		if features&featureCompress != 0 {
			i.Compression = Compression(h[104])
		}

		if i.Compression > Zstd {
			return nil, bad("its compression is %d", i.Compression)
		}
	}

	bits, disk := be.Uint32(h[20:]), be.Uint64(h[24:])
	if bits < 9 || bits > 21 || disk > 1<<62 {
		return nil, bad("clusters of %d bits, a disk of %d bytes", bits, disk)
	}

	var err error
	if i.g, err = newGeometry(int64(disk+511)&^511, 1<<bits); err != nil {
		return nil, bad("%v", err)
	}

	i.g.size = int64(disk)

	if n := int64(be.Uint32(h[36:])); n < i.g.l1 {
		return nil, bad("its table has %d entries instead of %d", n, i.g.l1)
	}

	if 8*i.g.l1 > size {
		return nil, bad("it is too short for its table")
	}

	i.l1 = make([]byte, 8*i.g.l1)
	if err := readFull(r, i.l1, int64(be.Uint64(h[40:]))); err != nil {
		return nil, fmt.Errorf("reading the table of a qcow2 image: %w", err)
	}

	return i, nil
}

// readFull reads all of p; the end of the file is an error of the format.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	if at < 0 {
		return bad("an offset is too large")
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
func (i *Image) Size() int64 { return i.g.size }

// ClusterSize is the size of a cluster, in bytes.
func (i *Image) ClusterSize() int64 { return i.g.cluster }

// ReadAt reads from the disk. It may be called by several goroutines, of which
// one at a time unpacks a compressed cluster.
func (i *Image) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, bad("a negative offset")
	}

	for n < len(p) && off < i.g.size {
		in := off % i.g.cluster
		part := p[n:min(int64(len(p)), int64(n)+min(i.g.cluster-in, i.g.size-off))]

		if err := i.readCluster(part, off/i.g.cluster, in); err != nil {
			return n, fmt.Errorf("reading cluster %d of a qcow2 image: %w", off/i.g.cluster, err)
		}

		n += len(part)
		off += int64(len(part))
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (i *Image) readCluster(p []byte, n, in int64) error {
	table := int64(be.Uint64(i.l1[n/i.g.perL2*8:]) & offsetMask)
	if table == 0 {
		clear(p)
		return nil
	}

	var e [8]byte
	if err := readFull(i.file, e[:], table+n%i.g.perL2*8); err != nil {
		return err
	}

	entry := be.Uint64(e[:])

	switch at := int64(entry & offsetMask); {
	case entry&compressed != 0:
		return i.unpack(p, n, in, entry)
	case at == 0, i.Version >= 3 && entry&1 != 0:
		clear(p)
		return nil
	default:
		// A raw tail may be cut off at the end of the file.
		m, err := i.file.ReadAt(p, at+in)
		if m < len(p) && errors.Is(err, io.EOF) && at < i.end {
			clear(p[m:])
			return nil
		}

		if m == len(p) {
			return nil
		}

		return errors.Join(bad("it is behind the end of the file"), err)
	}
}

// unpack reads from a compressed cluster, which it keeps for the next read.
func (i *Image) unpack(p []byte, n, in int64, entry uint64) error {
	i.mu.Lock()
	defer i.mu.Unlock()

	if n != i.number {
		shift := 62 - (i.g.bits - 8)
		at := int64(entry & (1<<shift - 1))
		sectors := int64(entry &^ (compressed | copied) >> shift)

		if at >= i.end {
			return bad("it is at %d, behind the end of the file", at)
		}

		data := make([]byte, min(at&^511+(sectors+1)*512, i.end)-at)
		if err := readFull(i.file, data, at); err != nil {
			return err
		}

		out, err := i.decompress(data)
		if err != nil {
			return bad("%v", err)
		}

		i.number, i.last = n, out
	}

	copy(p, i.last[in:])

	return nil
}

func (i *Image) decompress(data []byte) ([]byte, error) {
	out := make([]byte, i.g.cluster)

	var r io.Reader = flate.NewReader(bytes.NewReader(data))

	if i.Compression == Zstd {
		z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, err
		}
		defer z.Close()

		r = z
	}

	if _, err := io.ReadFull(r, out); err != nil {
		return nil, err
	}

	return out, nil
}
