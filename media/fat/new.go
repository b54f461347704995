package fat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// ErrTooSmall is returned (wrapped) when the files don't fit Options.Size.
var ErrTooSmall = errors.New("the volume is too small")

const (
	entrySize   = 32
	firstData   = 2
	rootEntries = 512 // FAT12 and FAT16: the customary size of the root
)

var le = binary.LittleEndian

// New lays out a volume with the given files. The files' order does not
// matter. Errors name the path that is at fault; [ErrTooSmall] is in the
// chain when Options.Size is not enough.
func New(files []File, o Options) (*Volume, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("laying out a FAT volume: %w", err)
	}

	root, err := buildTree(files, &o)
	if err != nil {
		return nil, fmt.Errorf("laying out a FAT volume: %w", err)
	}

	rootDir := roundUp(max(rootEntries, root.entries)*entrySize, int64(o.SectorSize))

	g, err := choose(&o, rootDir, func(cluster int64, t Type) int64 { return place(root, cluster, t) })
	if err != nil {
		return nil, fmt.Errorf("laying out a FAT volume: %w", err)
	}

	used := place(root, g.cluster, g.typ)

	if o.Serial == 0 {
		o.Serial = deriveSerial(root, &o)
	}

	w := writer{o: &o, g: g, root: root, end: used + firstData}

	return w.volume()
}

func (o *Options) check() error {
	if o.SectorSize == 0 {
		o.SectorSize = 512
	}

	switch {
	case o.SectorSize != 512 && o.SectorSize != 4096:
		return fmt.Errorf("the sector size is %d, not 512 or 4096", o.SectorSize)
	case o.Size < 0 || o.Size%int64(o.SectorSize) != 0:
		return fmt.Errorf("the size %d is not a multiple of the sector size %d", o.Size, o.SectorSize)
	case o.FreeSpace < 0:
		return fmt.Errorf("the free space is negative: %d", o.FreeSpace)
	case o.ClusterSize != 0 && (bits.OnesCount(uint(o.ClusterSize)) != 1 ||
		o.ClusterSize < o.SectorSize || o.ClusterSize > 128*o.SectorSize):
		return fmt.Errorf("the cluster size %d is not a power of two from 1 to 128 sectors", o.ClusterSize)
	}

	switch o.Type {
	case Auto, FAT12, FAT16, FAT32:
		return nil
	default:
		return fmt.Errorf("there is no FAT%d", int(o.Type))
	}
}

// place gives every node its first cluster, counted from 2, and returns how
// many clusters the volume needs. Directories come first, so that listing a
// volume reads one place; files follow, aligned when they are large.
func place(root *node, cluster int64, t Type) int64 {
	next := int64(0)

	root.walk(func(n *node) {
		n.first = 0
		if n.dir && (n != root || t == FAT32) {
			n.first = next + firstData
			next += max(1, (n.bytes()+cluster-1)/cluster)
		}
	})

	step := max(1, alignment/cluster)

	root.walk(func(n *node) {
		if n.dir || n.bytes() == 0 {
			return
		}

		if n.bytes() >= alignment {
			next = roundUp(next, step)
		}

		n.first = next + firstData
		next += (n.bytes() + cluster - 1) / cluster
	})

	return next
}

// deriveSerial makes a serial number that differs between volumes with
// different files, without reading them.
func deriveSerial(root *node, o *Options) uint32 {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", o.Label)
	root.walk(func(n *node) { fmt.Fprintf(h, "%s %d\n", n.name, n.bytes()) })

	return max(1, le.Uint32(h.Sum(nil)))
}

// writer turns a placed tree into extents.
type writer struct {
	o    *Options
	g    geometry
	root *node
	end  int64 // first cluster after the last one in use
	free int64 // data clusters not in use
}

func (w *writer) volume() (*Volume, error) {
	g := &w.g

	table := w.table()

	boot, err := w.bootSectors()
	if err != nil {
		return nil, fmt.Errorf("laying out a FAT volume: %w", err)
	}

	v := &Volume{
		List: &extent.List{}, Type: g.typ, SectorSize: int(g.sector), ClusterSize: int(g.cluster),
		Clusters: int(g.clusters), FreeClusters: int(w.free), offsets: map[string]int64{},
	}
	l := v.List

	l.AppendBytes(boot)

	for i := range int64(2) {
		if err := l.PadTo(g.reserved + i*g.table); err != nil {
			return nil, err
		}

		l.AppendBytes(table)
	}

	if err := l.PadTo(g.data - g.rootDir); err != nil {
		return nil, err
	}

	if g.rootDir > 0 {
		l.AppendBytes(w.directory(w.root))
	}

	// Placing went over directories first and files second; so does this.
	for _, dirs := range []bool{true, false} {
		w.root.walk(func(n *node) {
			if n.dir != dirs || n.first == 0 || err != nil {
				return
			}

			off := g.data + (n.first-firstData)*g.cluster
			if err = l.PadTo(off); err != nil {
				return
			}

			if n.dir {
				l.AppendBytes(w.directory(n))
				return
			}

			v.offsets[n.path] = off
			l.Append(n.content)
		})
	}

	if err != nil {
		return nil, err
	}

	return v, l.PadTo(g.size)
}

// table returns the used front of an allocation table and counts w.free.
func (w *writer) table() []byte {
	g := &w.g
	t := make([]byte, (w.end*g.typ.bits()+7)/8)
	end := uint32(1)<<g.typ.bits() - 1

	if g.typ == FAT32 {
		end = 0x0fffffff
	}

	// Entry 0 repeats the media byte; entry 1 has the flags "clean" and "no
	// errors" set, as everything else is ones.
	setEntry(t, g.typ, 0, end&^0xff|mediaByte)
	setEntry(t, g.typ, 1, end)

	w.free = g.clusters

	w.root.walk(func(n *node) {
		if n.first == 0 {
			return
		}

		count := max(1, (n.bytes()+g.cluster-1)/g.cluster)
		w.free -= count

		for c := n.first; c < n.first+count-1; c++ {
			setEntry(t, g.typ, c, uint32(c+1))
		}

		setEntry(t, g.typ, n.first+count-1, end)
	})

	return t
}

func setEntry(t []byte, typ Type, n int64, v uint32) {
	switch typ {
	case FAT12:
		at := n * 3 / 2
		if n%2 == 0 {
			t[at] = byte(v)
			// The last even entry may end in a half byte.
			if at+1 < int64(len(t)) {
				t[at+1] = t[at+1]&0xf0 | byte(v>>8)&0x0f
			}
		} else {
			t[at] = t[at]&0x0f | byte(v<<4)
			t[at+1] = byte(v >> 4)
		}
	case FAT16:
		le.PutUint16(t[n*2:], uint16(v))
	default:
		le.PutUint32(t[n*4:], v)
	}
}

// dosTime returns the format's date and time words.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		return 1<<5 | 1, 0
	}

	date = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	clock = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)

	return date, clock
}
