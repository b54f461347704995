package vhdx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unicode/utf16"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/gpt"
)

const (
	mib = 1 << 20

	// BlockSize is the unit in which a disk is stored, in bytes. It is the
	// format's least: the less is stored of a disk that is mostly empty.
	BlockSize = mib
	// MaxSize is the largest disk, in bytes: 64 TiB.
	MaxSize = 64 << 40

	headerSize   = 4 << 10
	tableSize    = 64 << 10
	logAt        = 1 * mib
	metadataAt   = 2 * mib
	batAt        = 3 * mib
	physicalSize = 4096

	stateFull = 6 // PAYLOAD_BLOCK_FULLY_PRESENT
)

var (
	// ErrSize means that a disk of this size can't be a VHDX.
	ErrSize = errors.New("invalid size for a VHDX")
	// ErrFormat means that a file is not a VHDX, damaged, or of a kind that is
	// not read.
	ErrFormat = errors.New("not a readable VHDX")
)

// Regions and items of metadata (2.2.3.2, 2.6.2).
var (
	regionBAT      = gpt.MustGUID("2DC27766-F623-4200-9D64-115E9BFD4A08")
	regionMetadata = gpt.MustGUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")

	itemFile     = gpt.MustGUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
	itemSize     = gpt.MustGUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
	itemID       = gpt.MustGUID("BECA12AB-B2E6-4523-93EF-C309E000C746")
	itemLogical  = gpt.MustGUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
	itemPhysical = gpt.MustGUID("CDA348C7-445D-4471-9CC9-E9885251C556")
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Options are what may be left at zero.
type Options struct {
	// Seed is what the identifiers of file, data and disk are derived from.
	Seed []byte
	// SectorSize is the disk's, 512 (also for 0) or 4096.
	SectorSize int64
	// Creator names the program, for people.
	Creator string
}

// New returns the file for a disk.
func New(disk *extent.List, o Options) (*extent.List, error) {
	if o.SectorSize == 0 {
		o.SectorSize = 512
	}

	if o.SectorSize != 512 && o.SectorSize != 4096 {
		return nil, fmt.Errorf("%w: sectors of %d bytes", ErrSize, o.SectorSize)
	}

	size := disk.Size()
	if size == 0 || size%o.SectorSize != 0 || size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes are not a multiple of %d up to 64 TiB", ErrSize, size, o.SectorSize)
	}

	blocks := ceil(size, BlockSize)
	ratio := chunkRatio(o.SectorSize, BlockSize)
	batSize := ceil(8*(blocks+(blocks-1)/ratio), mib) * mib

	bat := make([]byte, batSize)
	data := &extent.List{}

	for i := int64(0); i < blocks; i++ {
		if disk.IsZeros(i*BlockSize, BlockSize) {
			continue
		}

		// An entry of a bitmap of sectors follows each chunk's entries.
		le.PutUint64(bat[8*(i+i/ratio):], uint64(batAt+batSize+data.Size())|stateFull)
		data.Append(disk.Slice(i*BlockSize, BlockSize))
		data.Align(BlockSize)
	}

	out := extent.FromBytes(headers(o, batSize))
	out.AppendZeros(logAt - out.Size() + mib) // an empty log
	out.AppendBytes(metadata(o, size))
	out.Align(mib)
	out.AppendBytes(bat)
	out.Append(data)

	return out, nil
}

func ceil(n, d int64) int64 { return (n + d - 1) / d }

// chunkRatio is how many blocks a block of the sectors' bitmap is for (2.5).
func chunkRatio(sector, block int64) int64 { return (1 << 23) * sector / block }

// headers is the section of headers (2.2): five areas of 64 KiB.
func headers(o Options, batSize int64) []byte {
	b := make([]byte, 5*tableSize)
	copy(b, "vhdxfile")

	for i, u := range utf16.Encode([]rune(o.Creator)) {
		if i < 255 {
			le.PutUint16(b[8+2*i:], u)
		}
	}

	file, data := gpt.NewGUID(o.Seed, "vhdx file"), gpt.NewGUID(o.Seed, "vhdx data")

	for i := range 2 {
		h := b[(1+i)*tableSize:][:headerSize]
		copy(h, "head")
		le.PutUint64(h[8:], uint64(i)) // the second is the newer
		copy(h[16:], file[:])
		copy(h[32:], data[:])
		le.PutUint16(h[66:], 1) // version
		le.PutUint32(h[68:], mib)
		le.PutUint64(h[72:], logAt)
		le.PutUint32(h[4:], crc32.Checksum(h, castagnoli))
	}

	for i := range 2 {
		t := b[(3+i)*tableSize:][:tableSize]
		copy(t, "regi")
		le.PutUint32(t[8:], 2)

		for j, r := range []struct {
			id       gpt.GUID
			at, size int64
		}{{regionBAT, batAt, batSize}, {regionMetadata, metadataAt, mib}} {
			e := t[16+32*j:]
			copy(e, r.id[:])
			le.PutUint64(e[16:], uint64(r.at))
			le.PutUint32(e[24:], uint32(r.size))
			le.PutUint32(e[28:], 1) // required
		}

		le.PutUint32(t[4:], crc32.Checksum(t, castagnoli))
	}

	return b
}

// metadata is the region's table and the items behind it (2.6).
func metadata(o Options, size int64) []byte {
	const virtual, required = 2, 4

	id := gpt.NewGUID(o.Seed, "vhdx disk")
	items := []struct {
		id    gpt.GUID
		data  []byte
		flags uint32
	}{
		{itemFile, le.AppendUint64(nil, BlockSize), required}, // with no flags in the upper half
		{itemSize, le.AppendUint64(nil, uint64(size)), virtual | required},
		{itemID, id[:], virtual | required},
		{itemLogical, le.AppendUint32(nil, uint32(o.SectorSize)), virtual | required},
		{itemPhysical, le.AppendUint32(nil, physicalSize), virtual | required},
	}

	b := make([]byte, tableSize)
	copy(b, "metadata")
	le.PutUint16(b[10:], uint16(len(items)))

	for i, item := range items {
		e := b[32+32*i:]
		copy(e, item.id[:])
		le.PutUint32(e[16:], uint32(len(b)))
		le.PutUint32(e[20:], uint32(len(item.data)))
		le.PutUint32(e[24:], item.flags)
		b = append(b, item.data...)
	}

	return b
}
