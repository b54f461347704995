package qcow2

import (
	"fmt"

	"github.com/akmon-os/akmon/media/extent"
)

// Options are what may be left at zero.
type Options struct {
	ClusterSize int64 // in bytes; 0 is DefaultClusterSize
}

// New returns the file for a disk, uncompressed. Clusters that are in runs of
// zeros are not stored.
func New(disk *extent.List, o Options) (*extent.List, error) {
	g, err := newGeometry(disk.Size(), o.ClusterSize)
	if err != nil {
		return nil, err
	}

	// Which clusters hold something, as runs.
	type run struct{ first, count int64 }

	var (
		runs   []run
		stored int64
	)

	for i, n := int64(0), ceil(g.size, g.cluster); i < n; {
		if zeros := disk.ZerosFrom(i * g.cluster); zeros >= g.cluster {
			i += zeros / g.cluster
			continue
		}

		if disk.IsZeros(i*g.cluster, g.cluster) { // the end of the disk
			i++
			continue
		}

		if k := len(runs); k > 0 && runs[k-1].first+runs[k-1].count == i {
			runs[k-1].count++
		} else {
			runs = append(runs, run{i, 1})
		}

		stored++
		i++
	}

	tables := map[int64]bool{}

	for _, r := range runs {
		for t := r.first / g.perL2; t <= (r.first+r.count-1)/g.perL2; t++ {
			tables[t] = true
		}
	}

	l1Clusters := max(ceil(g.l1*8, g.cluster), 1)

	table, blocks, err := g.refcounts(1 + l1Clusters + int64(len(tables)) + stored)
	if err != nil {
		return nil, err
	}

	// In this order: header, reference counts, both levels, data.
	refTable := g.cluster
	refBlock := refTable + table*g.cluster
	l1At := refBlock + blocks*g.cluster
	l2At := l1At + l1Clusters*g.cluster
	dataAt := l2At + int64(len(tables))*g.cluster

	l1 := make([]byte, l1Clusters*g.cluster)
	l2 := make([]byte, int64(len(tables))*g.cluster)
	next, l2Next, current := dataAt, int64(0), int64(-1)

	for _, r := range runs {
		for i := r.first; i < r.first+r.count; i++ {
			if t := i / g.perL2; t != current {
				current = t
				be.PutUint64(l1[t*8:], uint64(l2At+l2Next)|copied)
				l2Next += g.cluster
			}

			be.PutUint64(l2[l2Next-g.cluster+i%g.perL2*8:], uint64(next)|copied)
			next += g.cluster
		}
	}

	rt := make([]byte, table*g.cluster)
	for i := range blocks {
		be.PutUint64(rt[i*8:], uint64(refBlock+i*g.cluster))
	}

	rb := make([]byte, blocks*g.cluster)
	for i := range next / g.cluster {
		be.PutUint16(rb[i*refcountSize:], 1)
	}

	out := extent.FromBytes(g.header(l1At, refTable, table, Deflate))
	out.AppendBytes(rt)
	out.AppendBytes(rb)
	out.AppendBytes(l1)
	out.AppendBytes(l2)

	for _, r := range runs {
		out.Append(disk.Slice(r.first*g.cluster, r.count*g.cluster))
		out.Align(g.cluster) // the last cluster of the disk may be a part of one
	}

	if out.Size() != next {
		return nil, fmt.Errorf("laying out a qcow2 image: %d bytes instead of %d", out.Size(), next)
	}

	return out, nil
}
