package iso9660

import (
	"fmt"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
)

// alignSectors is where boot images and large files start: whole pages, so
// that blocks can be shared and partitions of any sector size be laid over.
const alignSectors = 4096 / SectorSize

const (
	firstDescriptor = 16
	maxSectors      = 1<<32 - 1
)

// New lays out an image. The files' order does not matter.
func New(files []File, o Options) (*Image, error) {
	img, err := build(files, &o)
	if err != nil {
		return nil, fmt.Errorf("laying out an ISO 9660 image: %w", err)
	}

	return img, nil
}

func build(files []File, o *Options) (*Image, error) {
	root, err := buildTree(files, o)
	if err != nil {
		return nil, err
	}

	dirs := root.dirs()
	img := &Image{List: &extent.List{}, offsets: map[string]Range{}}

	// Descriptors: primary, boot record, terminator.
	next := int64(firstDescriptor + 2)
	catalog := int64(0)

	if len(o.Boot) > 0 {
		next++
		catalog = next
		next++
	}

	table := pathTable(dirs, le) // sizes only; sectors come below
	tableSectors := sectors(int64(len(table)))
	tableL, tableM := next, next+tableSectors
	next += 2 * tableSectors
	area := next // one sector for the extension reference
	next++

	for _, d := range dirs {
		d.sector = next
		d.size = int64(len(directory(d, 0)))
		next += sectors(d.size)
	}

	var own []*node

	for _, d := range dirs {
		for _, c := range d.children {
			if c.dir || c.shared != nil || c.size == 0 {
				continue
			}

			next = align(next, c.size)
			c.sector = next
			own = append(own, c)
			next += sectors(c.size)
		}
	}

	for i, b := range o.Boot {
		if b.Content.Size() == 0 {
			return nil, fmt.Errorf("boot image %d is empty", i)
		}

		next = align(next, 4096)
		img.Boot = append(img.Boot, Range{next * SectorSize, b.Content.Size()})
		next += sectors(b.Content.Size())
	}

	if next > maxSectors {
		return nil, fmt.Errorf("%d sectors are more than the format allows", next)
	}

	for _, d := range dirs {
		for _, c := range d.children {
			if c.shared != nil {
				c.sector = (img.Boot[c.shared.Boot].Offset + c.shared.Offset) / SectorSize
			}

			if !c.dir {
				img.offsets[c.path] = Range{c.sector * SectorSize, c.size}
			}
		}
	}

	w := &writer{o: o, l: img.List, root: root, total: next, catalog: catalog}
	w.descriptors(int64(len(table)), tableL, tableM)

	if catalog != 0 {
		boot, err := bootCatalog(o.Boot, img.Boot)
		if err != nil {
			return nil, err
		}

		w.at(catalog, extent.FromBytes(boot))
	}

	w.at(tableL, extent.FromBytes(pathTable(dirs, le)))
	w.at(tableM, extent.FromBytes(pathTable(dirs, be)))
	w.at(area, extent.FromBytes(extensionReference()))

	for _, d := range dirs {
		w.at(d.sector, extent.FromBytes(directory(d, area)))
	}

	for _, f := range own {
		w.at(f.sector, f.content)
	}

	for i, b := range o.Boot {
		w.at(img.Boot[i].Offset/SectorSize, b.Content)
	}

	w.at(next, nil)

	return img, w.err
}

func sectors(n int64) int64 { return (n + SectorSize - 1) / SectorSize }

// align moves a sector number up to a whole page for content of a page or more.
func align(sector, size int64) int64 {
	if size < 4096 {
		return sector
	}

	return (sector + alignSectors - 1) / alignSectors * alignSectors
}

// writer appends parts at their sectors, in ascending order.
type writer struct {
	o       *Options
	l       *extent.List
	root    *node
	total   int64
	catalog int64
	err     error
}

func (w *writer) at(sector int64, part *extent.List) {
	if w.err == nil {
		w.err = w.l.PadTo(sector * SectorSize)
	}

	if w.err == nil {
		w.l.Append(part)
	}
}

// pathTable encodes a path table (ECMA-119 9.4) in one byte order.
func pathTable(dirs []*node, order interface {
	AppendUint32(b []byte, v uint32) []byte
	AppendUint16(b []byte, v uint16) []byte
},
) []byte {
	var b []byte

	for _, d := range dirs {
		b = append(b, byte(len(d.id)), 0)
		b = order.AppendUint32(b, uint32(d.sector))
		b = order.AppendUint16(b, uint16(d.parent.number))
		b = append(b, d.id...)

		if len(d.id)%2 == 1 {
			b = append(b, 0)
		}
	}

	return b
}

// descriptors writes the volume descriptors (ECMA-119 8).
func (w *writer) descriptors(tableSize, tableL, tableM int64) {
	p := descriptor(1)
	text(p[8:40], "")
	text(p[40:72], dchars(w.o.VolumeID))
	both32(p[80:], uint32(w.total))
	both16(p[120:], 1)
	both16(p[124:], 1)
	both16(p[128:], SectorSize)
	both32(p[132:], uint32(tableSize))
	le.PutUint32(p[140:], uint32(tableL))
	be.PutUint32(p[148:], uint32(tableM))
	copy(p[156:190], record([]byte{0}, w.root.sector, w.root.size, flagDir, w.root.time, nil))
	text(p[190:318], "")
	text(p[318:446], w.o.Publisher)
	text(p[446:574], "")
	text(p[574:702], w.o.Application)
	text(p[702:813], "")
	copy(p[813:], volumeTime(w.o.Time))
	copy(p[830:], volumeTime(w.o.Time))
	copy(p[847:], "0000000000000000\x00")
	copy(p[864:], "0000000000000000\x00")
	p[881] = 1

	w.at(firstDescriptor, extent.FromBytes(p))

	if w.catalog != 0 {
		b := descriptor(0)
		copy(b[7:], "EL TORITO SPECIFICATION")
		le.PutUint32(b[71:], uint32(w.catalog))
		w.at(firstDescriptor+1, extent.FromBytes(b))
	}

	w.at(w.l.Size()/SectorSize, extent.FromBytes(descriptor(255)))
}

func descriptor(kind byte) []byte {
	b := make([]byte, SectorSize)
	b[0] = kind
	copy(b[1:], "CD001")
	b[6] = 1

	return b
}

// text fills a field with printable ASCII and spaces.
func text(b []byte, s string) {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}

		return r
	}, s)

	copy(b, s+strings.Repeat(" ", len(b)))
}
