package vmdk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

const (
	sector = 512
	// GrainSize is the unit in which a disk is stored, in bytes.
	GrainSize = 64 << 10
	// MaxSize is the largest disk, in bytes: 2 TiB, as its tables count.
	MaxSize = 2 << 40

	grainSectors = GrainSize / sector
	perTable     = 512 // grains of a table
	overhead     = 128 // sectors before the first grain
	descriptorAt = 1
	descriptor   = 20 // sectors
	magic        = "KDMV"
	atEnd        = 1<<64 - 1 // the directory's place is in the footer

	flags = 1<<0 | 1<<16 | 1<<17 // line ends are checked, grains compressed, markers

	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3

	// batch is what one piece of work compresses.
	batch = 16 * GrainSize
)

var (
	// ErrSize means that a disk of this size can't be a VMDK.
	ErrSize = errors.New("invalid size for a VMDK")
	// ErrFormat means that a file is not a stream-optimised VMDK, or damaged.
	ErrFormat = errors.New("not a stream-optimised VMDK")
)

var le = binary.LittleEndian

// Options are what may be left at zero.
type Options struct {
	// Name is the file's, for its own description.
	Name string
	// ID identifies the content.
	ID [16]byte
	// Level of compression, 1 to 9; 0 means 6.
	Level int
	// Workers is how many pieces are compressed at a time; 0 means one for each
	// processor, at most 16.
	Workers int
}

// writer counts sectors, in which tables point at things.
type writer struct {
	w         io.Writer
	at        uint32
	table     [perTable]uint32
	used      bool // the table has a grain
	directory []uint32
}

// grains are the compressed grains of a batch; empty ones are zeros.
type grains [][]byte

// Write writes the file for a disk. On an error what was written is of no use.
func Write(ctx context.Context, w io.Writer, disk *extent.List, o Options) error {
	size := disk.Size()
	if size == 0 || size%sector != 0 || size > MaxSize {
		return fmt.Errorf("%w: %d bytes are not a multiple of %d up to 2 TiB", ErrSize, size, sector)
	}

	if o.Level == 0 {
		o.Level = 6
	}

	if o.Level < 1 || o.Level > 9 {
		return fmt.Errorf("the level of compression is %d, not 1 to 9", o.Level)
	}

	head := make([]byte, overhead*sector)
	copy(head, header(size/sector, atEnd))
	copy(head[descriptorAt*sector:(descriptorAt+descriptor)*sector], description(size, o))

	v := &writer{w: w}
	if err := v.write(head); err != nil {
		return err
	}

	pool := sync.Pool{New: func() any {
		z, _ := zlib.NewWriterLevel(io.Discard, o.Level) // the level was checked

		return z
	}}

	err := chunks.Map(ctx, disk, batch, chunks.Options{Workers: o.Workers},
		func(c *chunks.Chunk) (grains, error) {
			z := pool.Get().(*zlib.Writer)
			defer pool.Put(z)

			return compress(z, c.Data)
		},
		func(r chunks.Result[grains]) error {
			first := r.Chunk.Offset / GrainSize

			for i, g := range r.Value {
				if g == nil {
					continue
				}

				if err := v.grain(first+int64(i), g); err != nil {
					return err
				}
			}

			next := r.Chunk.Offset + int64(r.Chunk.Length)
			if next%(perTable*GrainSize) == 0 || next == size {
				return v.endTable()
			}

			return nil
		})
	if err != nil {
		return err
	}

	return v.end(size)
}

// compress makes the grains of a batch, each with its marker's size.
func compress(z *zlib.Writer, data []byte) (grains, error) {
	var out grains

	for len(data) > 0 {
		n := min(len(data), GrainSize)
		g := data[:n]
		data = data[n:]

		if chunks.AllZero(g) {
			out = append(out, nil)
			continue
		}

		var b bytes.Buffer
		z.Reset(&b)

		if _, err := z.Write(g); err != nil {
			return nil, err
		}

		// The last grain of a disk is whole, too.
		if _, err := z.Write(make([]byte, GrainSize-n)); err != nil {
			return nil, err
		}

		if err := z.Close(); err != nil {
			return nil, err
		}

		out = append(out, b.Bytes())
	}

	return out, nil
}

// write writes whole sectors.
func (v *writer) write(b []byte) error {
	if _, err := v.w.Write(b); err != nil {
		return err
	}

	v.at += uint32(len(b) / sector)

	return nil
}

// grain writes a grain behind its marker.
func (v *writer) grain(n int64, data []byte) error {
	b := make([]byte, (12+len(data)+sector-1)/sector*sector)
	le.PutUint64(b, uint64(n*grainSectors))
	le.PutUint32(b[8:], uint32(len(data)))
	copy(b[12:], data)

	v.table[n%perTable] = v.at
	v.used = true

	return v.write(b)
}

// marker writes the marker of a table or so, which follows it.
func (v *writer) marker(kind uint32, sectors int) error {
	m := make([]byte, sector)
	le.PutUint64(m, uint64(sectors))
	le.PutUint32(m[12:], kind)

	return v.write(m)
}

// endTable writes the table of the grains since the last one.
func (v *writer) endTable() error {
	if !v.used {
		v.directory = append(v.directory, 0)
		return nil
	}

	if err := v.marker(markerTable, 4*perTable/sector); err != nil {
		return err
	}

	v.directory = append(v.directory, v.at)

	b := make([]byte, 0, 4*perTable)
	for _, at := range v.table {
		b = le.AppendUint32(b, at)
	}

	v.table, v.used = [perTable]uint32{}, false

	return v.write(b)
}

// end writes the directory, the footer and the end-of-stream marker.
func (v *writer) end(size int64) error {
	b := make([]byte, (4*len(v.directory)+sector-1)/sector*sector)
	for i, at := range v.directory {
		le.PutUint32(b[4*i:], at)
	}

	if err := v.marker(markerDirectory, len(b)/sector); err != nil {
		return err
	}

	directory := v.at

	if err := v.write(b); err != nil {
		return err
	}

	if err := v.marker(markerFooter, 1); err != nil {
		return err
	}

	if err := v.write(header(size/sector, uint64(directory))); err != nil {
		return err
	}

	return v.write(make([]byte, sector))
}

// header is the first sector, and the footer.
func header(capacity int64, directory uint64) []byte {
	h := make([]byte, sector)
	copy(h, magic)
	le.PutUint32(h[4:], 3)
	le.PutUint32(h[8:], flags)
	le.PutUint64(h[12:], uint64(capacity))
	le.PutUint64(h[20:], grainSectors)
	le.PutUint64(h[28:], descriptorAt)
	le.PutUint64(h[36:], descriptor)
	le.PutUint32(h[44:], perTable)
	le.PutUint64(h[56:], directory)
	le.PutUint64(h[64:], overhead)
	copy(h[73:], "\n \r\n")
	le.PutUint16(h[77:], 1) // deflate

	return h
}

// description is the text about the disk, in the header of one file of it.
func description(size int64, o Options) []byte {
	name := o.Name
	if name == "" {
		name = "disk.vmdk"
	}

	// The geometry is that of a SCSI disk.
	cylinders := min(size/sector/255/63, 65535)

	return fmt.Appendf(nil, `# Disk DescriptorFile
version=1
CID=%08x
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW %d SPARSE %q

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.longContentID = "%x"
ddb.virtualHWVersion = "15"
`, le.Uint32(o.ID[:])&^1|2, size/sector, name, cylinders, o.ID)
}
