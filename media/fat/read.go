package fat

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// ErrFormat is returned (wrapped) for what is not a FAT volume or a damaged one.
var ErrFormat = errors.New("not a valid FAT volume")

// Limits that a reader of foreign volumes keeps.
const (
	maxDirBytes = 1 << 21 // the format's own limit for a directory
	maxDepth    = 64
	maxTable    = 1 << 30 // bytes; the largest FAT32 table
)

// Entry is a file or directory of an opened volume.
type Entry struct {
	Path    string // slashes, no leading one
	Dir     bool
	Attr    Attr
	Size    int64 // bytes; 0 for directories
	ModTime time.Time

	first uint32
}

// FS is an opened volume. It is safe for concurrent use if its reader is.
type FS struct {
	Type                    Type
	SectorSize, ClusterSize int
	Size                    int64 // bytes, as the boot sector says
	Clusters                int   // data clusters
	Label                   string
	Serial                  uint32

	r        io.ReaderAt
	table    int64
	rootDir  int64
	rootSize int64
	rootClus uint32
	data     int64
}

// Open reads the boot sector of the volume in the first size bytes of r. The
// volume may be shorter than size, not longer.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	var b [512]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return nil, fmt.Errorf("reading a FAT boot sector: %w", errors.Join(ErrFormat, err))
	}

	bad := func(format string, args ...any) (*FS, error) {
		return nil, fmt.Errorf("reading a FAT boot sector: "+format+": %w", append(args, ErrFormat)...)
	}

	sector := int64(le.Uint16(b[11:]))
	perCluster := int64(b[13])
	reserved := int64(le.Uint16(b[14:]))
	tables := int64(b[16])
	rootSize := int64(le.Uint16(b[17:])) * entrySize

	switch {
	case le.Uint16(b[510:]) != 0xaa55:
		return bad("no signature at its end")
	case sector != 512 && sector != 1024 && sector != 2048 && sector != 4096:
		return bad("a sector size of %d", sector)
	case perCluster == 0 || perCluster&(perCluster-1) != 0:
		return bad("%d sectors per cluster", perCluster)
	case reserved == 0 || tables == 0 || tables > 8:
		return bad("%d reserved sectors and %d tables", reserved, tables)
	}

	sectors := int64(le.Uint16(b[19:]))
	if sectors == 0 {
		sectors = int64(le.Uint32(b[32:]))
	}

	tableSectors, ext := int64(le.Uint16(b[22:])), b[36:]
	wide := tableSectors == 0

	if wide {
		tableSectors, ext = int64(le.Uint32(b[36:])), b[64:]
	}

	f := &FS{
		SectorSize: int(sector), ClusterSize: int(sector * perCluster), Size: sectors * sector,
		r: r, table: reserved * sector, rootSize: rootSize,
	}
	f.rootDir = f.table + tables*tableSectors*sector
	f.data = f.rootDir + roundUp(rootSize, sector)

	if f.Size > size || f.data > f.Size || tableSectors*sector > maxTable {
		return bad("it describes %d bytes with data from %d, there are %d", f.Size, f.data, size)
	}

	f.Clusters = int((f.Size - f.data) / int64(f.ClusterSize))

	switch {
	case wide:
		f.Type = FAT32
		f.rootClus = le.Uint32(b[44:])
	case f.Clusters <= maxClusters12:
		f.Type = FAT12
	default:
		f.Type = FAT16
	}

	if (int64(f.Clusters)+2)*f.Type.bits() > tableSectors*sector*8 {
		return bad("its table is too short for %d clusters", f.Clusters)
	}

	if ext[2] == 0x29 {
		f.Serial = le.Uint32(ext[3:])
		if l := strings.TrimRight(string(ext[7:18]), " "); l != "NO NAME" {
			f.Label = l
		}
	}

	return f, nil
}

// next returns the table entry of cluster c, and whether the chain ends at c.
func (f *FS) next(c uint32) (uint32, bool, error) {
	var b [4]byte

	at := int64(c) * f.Type.bits() / 8

	n := 2
	if f.Type == FAT32 {
		n = 4
	}

	if _, err := f.r.ReadAt(b[:n], f.table+at); err != nil {
		return 0, false, fmt.Errorf("reading the table entry of cluster %d: %w", c, err)
	}

	v := le.Uint32(b[:])

	switch f.Type {
	case FAT12:
		if c%2 == 1 {
			v >>= 4
		}

		return v & 0xfff, v&0xfff >= 0xff8, nil
	case FAT16:
		return v, v >= 0xfff8, nil
	default:
		v &= 0x0fffffff
		return v, v >= 0x0ffffff8, nil
	}
}

// chain returns the content that starts at cluster first. With size < 0 (a
// directory) it goes to the end of the chain, at most maxDirBytes.
func (f *FS) chain(first uint32, size int64) (*extent.List, error) {
	l := &extent.List{}
	if size == 0 {
		return l, nil
	}

	want := size
	if size < 0 {
		want = maxDirBytes
	}

	cluster := int64(f.ClusterSize)
	runStart, runLen := int64(0), int64(0)
	flush := func() { l.AppendRange(f.r, runStart, runLen) }

	for c, got := first, int64(0); ; {
		if c < firstData || int64(c) >= int64(f.Clusters)+firstData {
			return nil, fmt.Errorf("cluster %d is outside the volume: %w", c, ErrFormat)
		}

		at, n := f.data+int64(c-firstData)*cluster, min(cluster, want-got)
		if runLen > 0 && runStart+runLen == at {
			runLen += n
		} else {
			flush()
			runStart, runLen = at, n
		}

		if got += n; got == want && size > 0 {
			break
		}

		next, end, err := f.next(c)
		if err != nil {
			return nil, err
		}

		if end {
			if size > 0 {
				return nil, fmt.Errorf("a file of %d bytes ends after %d: %w", size, got, ErrFormat)
			}

			break
		}

		if got == want {
			return nil, fmt.Errorf("a directory is longer than %d bytes or runs in a circle: %w", maxDirBytes, ErrFormat)
		}

		c = next
	}

	flush()

	return l, nil
}

// Content returns what the file e holds, as ranges of the volume's reader.
func (f *FS) Content(e Entry) (*extent.List, error) {
	if e.Dir {
		return nil, fmt.Errorf("%s is a directory", e.Path)
	}

	l, err := f.chain(e.first, e.Size)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", e.Path, err)
	}

	return l, nil
}
