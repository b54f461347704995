package pe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrFormat is returned (wrapped) for what is not a PE image or a damaged one.
var ErrFormat = errors.New("not a valid PE image")

var le = binary.LittleEndian

// Machine is the architecture that an image runs on.
type Machine uint16

// The machines that have 64-bit UEFI systems.
const (
	AMD64   Machine = 0x8664
	ARM64   Machine = 0xaa64
	RISCV64 Machine = 0x5064
)

// String returns the architecture as Go and OCI images name it.
func (m Machine) String() string {
	switch m {
	case AMD64:
		return "amd64"
	case ARM64:
		return "arm64"
	case RISCV64:
		return "riscv64"
	default:
		return fmt.Sprintf("machine %#04x", uint16(m))
	}
}

// Characteristics of sections.
const (
	Code            uint32 = 0x00000020
	InitializedData uint32 = 0x00000040
	Execute         uint32 = 0x20000000
	Read            uint32 = 0x40000000
	Write           uint32 = 0x80000000
)

// Section is one entry of an image's section table.
type Section struct {
	Name            string
	VirtualAddress  uint32 // where it is loaded, relative to the image
	VirtualSize     uint32 // its length in memory, in bytes
	Offset          uint32 // of its raw data in the file
	Size            uint32 // of its raw data, a multiple of the file alignment
	Characteristics uint32
}

// DataSize returns how many bytes of the raw data are content: the rest pads
// it to the file alignment.
func (s *Section) DataSize() int64 { return int64(min(s.Size, s.VirtualSize)) }

// Image is a parsed image.
type Image struct {
	Machine          Machine
	Subsystem        uint16 // 10: EFI application
	Sections         []Section
	SizeOfImage      uint32
	SizeOfHeaders    uint32
	SectionAlignment uint32
	FileAlignment    uint32
	// CertificateOffset and CertificateSize say where in the file the
	// attribute certificate table (Authenticode signatures) is; 0, 0 is none.
	CertificateOffset, CertificateSize uint32

	r        io.ReaderAt
	size     int64
	header   []byte // the first SizeOfHeaders bytes
	coff     int    // offset of the COFF header in header
	table    int    // offset of the section table in header
	pe32plus bool
}

// Limits on foreign images.
const (
	maxHeaders  = 1 << 20
	maxSections = 96 // what Windows' loader takes
	sectionSize = 40
)

// Parse reads the headers of the image in the first size bytes of r. Every
// section's raw data is checked to lie within size.
func Parse(r io.ReaderAt, size int64) (*Image, error) {
	img, err := parse(r, size)
	if err != nil {
		return nil, fmt.Errorf("reading a PE image: %w", err)
	}

	return img, nil
}

func formatError(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrFormat)...)
}

func parse(r io.ReaderAt, size int64) (*Image, error) {
	var dos [64]byte
	if _, err := r.ReadAt(dos[:], 0); err != nil || size < int64(len(dos)) || dos[0] != 'M' || dos[1] != 'Z' {
		return nil, formatError("it does not start with an MZ header")
	}

	coff := int64(le.Uint32(dos[60:])) + 4

	var h [24]byte
	if coff+20 > size || coff > maxHeaders {
		return nil, formatError("its PE header is at %#x, outside the file", coff-4)
	}

	if _, err := r.ReadAt(h[:], coff-4); err != nil {
		return nil, fmt.Errorf("reading its PE header: %w", err)
	}

	if string(h[:4]) != "PE\x00\x00" {
		return nil, formatError("there is no PE signature at %#x", coff-4)
	}

	count, optSize := int(le.Uint16(h[6:])), int(le.Uint16(h[20:]))
	img := &Image{Machine: Machine(le.Uint16(h[4:])), r: r, size: size, coff: int(coff), table: int(coff) + 20 + optSize}

	if optSize < 96 || count > maxSections || int64(img.table+count*sectionSize) > size {
		return nil, formatError("%d sections after an optional header of %d bytes don't fit", count, optSize)
	}

	img.header = make([]byte, img.table+count*sectionSize)
	if _, err := r.ReadAt(img.header, 0); err != nil {
		return nil, fmt.Errorf("reading its headers: %w", err)
	}

	if err := img.optional(optSize); err != nil {
		return nil, err
	}

	for i := range count {
		s, err := img.section(i)
		if err != nil {
			return nil, err
		}

		img.Sections = append(img.Sections, s)
	}

	// The rest of the headers (padding, or data that some linker left there).
	if n := int64(img.SizeOfHeaders); n > int64(len(img.header)) && n <= size && n <= maxHeaders {
		more := make([]byte, n)
		if _, err := r.ReadAt(more, 0); err != nil {
			return nil, fmt.Errorf("reading its headers: %w", err)
		}

		img.header = more
	}

	return img, nil
}

// optional decodes the optional header.
func (img *Image) optional(size int) error {
	o := img.header[img.coff+20:][:size]

	dirs := 96 // offset of the data directories

	switch magic := le.Uint16(o); magic {
	case 0x10b:
	case 0x20b:
		img.pe32plus, dirs = true, 112
	default:
		return formatError("its optional header has the magic %#x", magic)
	}

	if size < dirs {
		return formatError("its optional header is cut off")
	}

	img.SectionAlignment = le.Uint32(o[32:])
	img.FileAlignment = le.Uint32(o[36:])
	img.SizeOfImage = le.Uint32(o[56:])
	img.SizeOfHeaders = le.Uint32(o[60:])
	img.Subsystem = le.Uint16(o[68:])

	for _, a := range []uint32{img.SectionAlignment, img.FileAlignment} {
		if a == 0 || a&(a-1) != 0 {
			return formatError("an alignment of %d is not a power of two", a)
		}
	}

	// Directory 4 is special: a file offset, not an address.
	if n := le.Uint32(o[dirs-4:]); n > 4 && size >= dirs+5*8 {
		img.CertificateOffset = le.Uint32(o[dirs+32:])
		img.CertificateSize = le.Uint32(o[dirs+36:])
	}

	return nil
}

func (img *Image) section(i int) (Section, error) {
	b := img.header[img.table+i*sectionSize:][:sectionSize]
	s := Section{
		Name:            strings.TrimRight(string(b[:8]), "\x00"),
		VirtualSize:     le.Uint32(b[8:]),
		VirtualAddress:  le.Uint32(b[12:]),
		Size:            le.Uint32(b[16:]),
		Offset:          le.Uint32(b[20:]),
		Characteristics: le.Uint32(b[36:]),
	}

	if s.Size > 0 && s.Characteristics&0x80 == 0 && int64(s.Offset)+int64(s.Size) > img.size {
		// Some linkers (and the kernel's own header) don't pad the last one.
		if int64(s.Offset)+s.DataSize() > img.size {
			return s, formatError("section %q ends at %d, the file at %d", s.Name, int64(s.Offset)+int64(s.Size), img.size)
		}
	}

	return s, nil
}

// Section returns the first section with this name, or nil.
func (img *Image) Section(name string) *Section {
	for i := range img.Sections {
		if img.Sections[i].Name == name {
			return &img.Sections[i]
		}
	}

	return nil
}

// Open returns a reader of a section's content, without its padding.
func (img *Image) Open(s *Section) *io.SectionReader {
	return io.NewSectionReader(img.r, int64(s.Offset), s.DataSize())
}

// ReadSection returns the content of the named section, which must not be
// longer than limit bytes.
func (img *Image) ReadSection(name string, limit int64) ([]byte, error) {
	s := img.Section(name)
	if s == nil {
		return nil, fmt.Errorf("the image has no section %s", name)
	}

	if s.DataSize() > limit {
		return nil, fmt.Errorf("section %s has %d bytes, more than the %d allowed here", name, s.DataSize(), limit)
	}

	b := make([]byte, s.DataSize())
	if _, err := io.ReadFull(img.Open(s), b); err != nil {
		return nil, fmt.Errorf("reading section %s: %w", name, err)
	}

	return b, nil
}
