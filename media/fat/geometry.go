package fat

import (
	"fmt"
)

// The largest counts of data clusters that make a volume FAT12 and FAT16.
// The count alone decides the type ("FAT type determination").
const (
	maxClusters12 = 4084
	maxClusters16 = 65524
	maxClusters32 = 0x0ffffff5 - 2
)

// margin keeps the count away from the limits between types, which some
// implementations get wrong by a few.
const margin = 16

// alignment is where files and the data area start, in bytes.
const alignment = 4096

// maxVolume is bounded by the 32-bit count of sectors.
const maxSectors = 1<<32 - 1

// geometry is the division of a volume, in bytes unless it says clusters.
type geometry struct {
	typ      Type
	sector   int64
	cluster  int64
	reserved int64 // boot sectors and padding before the first table
	table    int64 // one of the two tables
	rootDir  int64 // FAT12 and FAT16: the fixed root directory
	data     int64 // start of cluster 2
	clusters int64
	size     int64
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// bits is the width of a table entry.
func (t Type) bits() int64 { return int64(t) }

// minReserved is the least number of reserved sectors: FAT32 has a boot
// sector, an information sector, and copies of both from sector 6.
func (t Type) minReserved() int64 {
	if t == FAT32 {
		return 32
	}

	return 1
}

func (t Type) limits() (low, high int64) {
	switch t {
	case FAT12:
		return 1, maxClusters12 - margin
	case FAT16:
		return maxClusters12 + 1 + margin, maxClusters16 - margin
	default:
		return maxClusters16 + 1 + margin, maxClusters32
	}
}

// divide returns the geometry of a volume with the given number of clusters.
// The space before the data area is rounded up so that data is aligned.
func divide(t Type, sector, cluster, rootDir, clusters int64) geometry {
	g := geometry{typ: t, sector: sector, cluster: cluster, rootDir: rootDir, clusters: clusters}
	g.table = roundUp(((clusters+2)*t.bits()+7)/8, sector)
	g.data = roundUp(t.minReserved()*sector+2*g.table+rootDir, max(alignment, min(cluster, 1<<16)))
	g.reserved = g.data - 2*g.table - rootDir
	g.size = g.data + clusters*cluster

	return g
}

// fit returns the geometry of a volume of exactly size bytes. Readers compute
// the number of clusters from the space that is left after the tables, so the
// tables must be long enough for just that number: the shortest such are taken.
func fit(t Type, sector, cluster, rootDir, size int64) geometry {
	var best geometry

	for n := min(size/cluster, maxClusters32); n > 0; {
		g := divide(t, sector, cluster, rootDir, n)

		fits := (size - g.data) / cluster
		if g.data > size || fits > n {
			break
		}

		shrunk := fits < n
		g.clusters, g.size, n = fits, size, fits
		best = g

		if !shrunk {
			break
		}
	}

	return best
}

// candidates lists the type and cluster size pairs to try, best first.
func candidates(o *Options, sector int64) (out []geometry) {
	for _, t := range []Type{FAT32, FAT16, FAT12} {
		if o.Type != Auto && o.Type != t {
			continue
		}

		if o.ClusterSize != 0 {
			out = append(out, geometry{typ: t, cluster: int64(o.ClusterSize)})
			continue
		}

		// 4 KiB first: one page, and few table entries. Smaller clusters where
		// the volume is too small for FAT32 with that, larger ones where a
		// table would pass its limit, or be large itself.
		for _, c := range []int64{4096, 2048, 1024, 512, 8192, 16384, 32768, 65536} {
			if c >= sector {
				out = append(out, geometry{typ: t, cluster: c})
			}
		}
	}

	return out
}

// tableLimit32 bounds the size of a chosen FAT32 table, in clusters: above it
// (8 GiB with 4 KiB) larger clusters are preferred.
const tableLimit32 = 1 << 21

// choose finds the geometry for o. need tells how many clusters of a given
// size the files take.
func choose(o *Options, rootDir int64, need func(cluster int64, t Type) int64) (geometry, error) {
	sector := int64(o.SectorSize)

	var tooSmall, tooLarge bool

	for _, c := range candidates(o, sector) {
		root := rootDir
		if c.typ == FAT32 {
			root = 0
		}

		low, high := c.typ.limits()
		if c.typ == FAT32 && o.ClusterSize == 0 && c.cluster < 65536 {
			high = tableLimit32
		}

		want := need(c.cluster, c.typ)

		var g geometry
		if o.Size != 0 {
			g = fit(c.typ, sector, c.cluster, root, o.Size)
		} else {
			n := want + (o.FreeSpace+c.cluster-1)/c.cluster
			if (c.typ == o.Type || c.typ == FAT12) && (c.cluster == sector || o.ClusterSize != 0) {
				n = max(n, low) // the smallest volume of this type
			}

			// Whole pages, so that the volume can be a partition of any disk.
			g = divide(c.typ, sector, c.cluster, root, roundUp(n, max(1, alignment/c.cluster)))
		}

		switch {
		case g.clusters > high || g.size/sector > maxSectors:
			tooLarge = true
		case g.clusters < low:
			tooSmall = true
		case g.clusters < want:
			return g, fmt.Errorf("the files need %d bytes in clusters, the volume of %d bytes has room for %d: %w",
				want*c.cluster, o.Size, g.clusters*c.cluster, ErrTooSmall)
		default:
			return g, nil
		}
	}

	switch {
	case tooLarge:
		return geometry{}, fmt.Errorf("no %s volume can be this large with these cluster and sector sizes", o.Type)
	case tooSmall && o.Size != 0:
		return geometry{}, fmt.Errorf("a %s volume can't be as small as %d bytes with these cluster and sector sizes: %w",
			o.Type, o.Size, ErrTooSmall)
	default:
		return geometry{}, fmt.Errorf("no cluster size suits a %s volume", o.Type)
	}
}

// String returns "FAT12", "FAT16", "FAT32" or "FAT".
func (t Type) String() string {
	if t == Auto {
		return "FAT"
	}

	return fmt.Sprintf("FAT%d", int(t))
}
