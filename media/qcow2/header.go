package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	// DefaultClusterSize is QEMU's, in bytes.
	DefaultClusterSize = 64 << 10
	// MinClusterSize is the least size of clusters, in bytes. All sizes are
	// powers of two.
	MinClusterSize = 512
	// MaxClusterSize is the largest, in bytes.
	MaxClusterSize = 2 << 20

	magic         = "QFI\xfb"
	headerLength  = 112
	refcountOrder = 4 // 1<<4 bits
	refcountSize  = 2 // bytes

	copied     = 1 << 63 // in an entry: its reference count is one
	compressed = 1 << 62

	offsetMask      = 0x00fffffffffffe00
	featureCompress = 1 << 3 // incompatible: the compression is not deflate

	maxL1       = 32 << 20 // bytes, as QEMU has it
	maxRefTable = 8 << 20
)

// Compression is how the clusters of an image are compressed.
type Compression uint8

// The kinds of compression, as numbered in the header.
const (
	Deflate Compression = 0
	Zstd    Compression = 1
)

// String is "zlib" (QEMU's word) or "zstd".
func (c Compression) String() string {
	if c == Zstd {
		return "zstd"
	}

	return "zlib"
}

// ErrOptions means that an image can't be made as it was asked for.
var ErrOptions = errors.New("invalid options for a qcow2 image")

var be = binary.BigEndian

// geometry is what follows from the sizes of disk and clusters.
type geometry struct {
	size    int64 // of the disk
	bits    int   // 1<<bits is the size of a cluster
	cluster int64
	perL2   int64 // clusters of a table of the second level
	l1      int64 // entries of the first
}

func newGeometry(size, cluster int64) (g geometry, err error) {
	if cluster == 0 {
		cluster = DefaultClusterSize
	}

	if cluster < MinClusterSize || cluster > MaxClusterSize || cluster&(cluster-1) != 0 {
		return g, fmt.Errorf("%w: clusters of %d bytes; it is a power of two from 512 to 2 MiB", ErrOptions, cluster)
	}

	if size < 0 || size%512 != 0 {
		return g, fmt.Errorf("%w: a disk of %d bytes is not a multiple of 512", ErrOptions, size)
	}

	g = geometry{size: size, bits: bits.TrailingZeros64(uint64(cluster)), cluster: cluster, perL2: cluster / 8}
	g.l1 = ceil(size, g.cluster*g.perL2)

	if g.l1*8 > maxL1 {
		return g, fmt.Errorf("%w: a disk of %d bytes is too large for clusters of %d", ErrOptions, size, cluster)
	}

	return g, nil
}

func ceil(n, d int64) int64 { return (n + d - 1) / d }

// refcounts is how many clusters the table of reference counts and its blocks
// take, when what they count is used clusters besides them.
func (g geometry) refcounts(used int64) (table, blocks int64, err error) {
	perBlock := g.cluster / refcountSize

	for {
		b := ceil(used+table+blocks, perBlock)
		t := ceil(b*8, g.cluster)

		if b == blocks && t == table {
			break
		}

		table, blocks = max(t, table), max(b, blocks)
	}

	if table*g.cluster > max(maxRefTable, g.cluster) {
		return 0, 0, fmt.Errorf("%w: too much data for clusters of %d bytes", ErrOptions, g.cluster)
	}

	return table, blocks, nil
}

// header is the first cluster.
func (g geometry) header(l1, refTable, refClusters int64, c Compression) []byte {
	h := make([]byte, g.cluster)
	copy(h, magic)
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], uint32(g.bits))
	be.PutUint64(h[24:], uint64(g.size))
	be.PutUint32(h[36:], uint32(g.l1))
	be.PutUint64(h[40:], uint64(l1))
	be.PutUint64(h[48:], uint64(refTable))
	be.PutUint32(h[56:], uint32(refClusters))
	be.PutUint32(h[96:], refcountOrder)
	be.PutUint32(h[100:], headerLength)

	if c != Deflate {
		be.PutUint64(h[72:], featureCompress)
		h[104] = byte(c)
	}

	return h
}
