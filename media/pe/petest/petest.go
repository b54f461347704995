// Package petest makes small PE images for tests of packages that read or
// extend them.
package petest

import (
	"encoding/binary"

	"github.com/akmon-os/akmon/media/pe"
)

// Section is a section of an image.
type Section struct {
	Name string
	Data []byte
}

// The layout of every image: headers in one sector, as linkers make them.
const (
	sectionAlignment = 4096
	fileAlignment    = 512
	headersSize      = 1024
	coffOffset       = 0x84
	optionalSize     = 112 + 16*8
)

// Image returns a PE32+ EFI application with the given sections. It would not
// run, but has everything that readers look at.
func Image(machine pe.Machine, sections ...Section) []byte {
	le := binary.LittleEndian
	b := make([]byte, headersSize)

	copy(b, "MZ")
	le.PutUint32(b[0x3c:], coffOffset-4)
	copy(b[coffOffset-4:], "PE\x00\x00")

	c := b[coffOffset:]
	le.PutUint16(c, uint16(machine))
	le.PutUint16(c[2:], uint16(len(sections)))
	le.PutUint16(c[16:], optionalSize)
	le.PutUint16(c[18:], 0x0206)

	o := c[20:]
	le.PutUint16(o, 0x20b)
	le.PutUint32(o[16:], sectionAlignment) // entry point
	le.PutUint32(o[32:], sectionAlignment)
	le.PutUint32(o[36:], fileAlignment)
	le.PutUint32(o[60:], headersSize)
	le.PutUint32(o[64:], 0xdeadbeef) // checksum
	le.PutUint16(o[68:], 10)         // EFI application
	le.PutUint32(o[108:], 16)

	addr := uint32(sectionAlignment)

	for i, s := range sections {
		h := b[coffOffset+20+optionalSize+i*40:]
		raw := append(append([]byte(nil), s.Data...), make([]byte, -len(s.Data)&(fileAlignment-1))...)

		copy(h[:8], s.Name)
		le.PutUint32(h[8:], uint32(len(s.Data)))
		le.PutUint32(h[12:], addr)
		le.PutUint32(h[16:], uint32(len(raw)))
		le.PutUint32(h[20:], uint32(len(b)))
		le.PutUint32(h[36:], pe.InitializedData|pe.Read)

		addr += (uint32(len(s.Data)) + sectionAlignment - 1) / sectionAlignment * sectionAlignment
		b = append(b, raw...)
		o = b[coffOffset+20:]
	}

	le.PutUint32(o[56:], addr)

	return b
}

// Kernel returns an image that passes for an EFI stub kernel with this
// release string in its x86 boot header.
func Kernel(machine pe.Machine, release string, size int) []byte {
	text := make([]byte, max(size, 4096))
	for i := range text {
		text[i] = byte(i*7) | 1
	}

	b := Image(machine, Section{Name: ".text", Data: text})
	if machine == pe.AMD64 && release != "" {
		copy(b[0x202:], "HdrS")
		binary.LittleEndian.PutUint16(b[0x20e:], headersSize+64-0x200)
		copy(b[headersSize+64:], release+" (builder) #1\x00")
	}

	return b
}
