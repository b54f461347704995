// Package qcow2 reads and writes QEMU's disk images, version 3.
//
// [New] lays a disk out as a list of extents: tables, then the clusters that
// hold something, which stay ranges of their sources. So an image is written
// at the cost of copying its data. [Compress] writes an image whose clusters
// are compressed (deflate, or zstd, which QEMU reads from 5.1), on all
// processors; what does not shrink is kept as it is.
//
// [Open] reads images of versions 2 and 3, compressed or not, that have no
// backing file, encryption, external data or subclusters.
//
// The same disk gives the same bytes.
//
// Format: docs/interop/qcow2.txt of QEMU.
package qcow2
