package pe

import (
	"fmt"
	"math"

	"github.com/akmon-os/akmon/media/extent"
)

// pageSize is the least alignment of appended sections, in memory (the stub
// runs the kernel in place, which wants whole pages) and in the file.
const pageSize = 4096

// NewSection is a section to append.
type NewSection struct {
	// Name has at most 8 bytes.
	Name string
	// Content may be empty, not nil.
	Content *extent.List
	// VirtualSize is the section's length in memory where that is larger than
	// the content: a kernel's uninitialised data. 0 means the content's size.
	VirtualSize int64
	// Characteristics; 0 means readable, initialised data.
	Characteristics uint32
}

// ErrNoRoom is returned (wrapped) when the headers can't take more sections.
var ErrNoRoom = fmt.Errorf("no room for more section headers")

// Append returns the image with more sections after its last one. The image's
// bytes are taken from its reader when the result is written. A signature on
// the image would no longer hold and is left out.
func Append(img *Image, sections []NewSection) (*extent.List, error) {
	if err := img.room(len(sections)); err != nil {
		return nil, fmt.Errorf("appending sections to a PE image: %w", err)
	}

	end := int64(img.SizeOfHeaders) // of raw data in the file
	next := int64(img.SizeOfHeaders)
	grown := int64(0)

	for i := range img.Sections {
		s := &img.Sections[i]
		if s.Size > 0 {
			end = max(end, min(int64(s.Offset)+int64(s.Size), img.size))
		}

		next = max(next, int64(s.VirtualAddress)+int64(max(s.VirtualSize, s.Size)))
	}

	var (
		header    = append([]byte(nil), img.header[:img.SizeOfHeaders]...)
		body      = &extent.List{}
		virtAlign = int64(max(img.SectionAlignment, pageSize))
		fileAlign = int64(max(img.FileAlignment, pageSize))
	)

	body.AppendRange(img.r, int64(img.SizeOfHeaders), end-int64(img.SizeOfHeaders))

	for i, s := range sections {
		if len(s.Name) == 0 || len(s.Name) > 8 {
			return nil, fmt.Errorf("appending sections to a PE image: the name %q is empty or longer than 8 bytes", s.Name)
		}

		if img.Section(s.Name) != nil {
			return nil, fmt.Errorf("appending sections to a PE image: it already has a section %s", s.Name)
		}

		size := s.Content.Size()
		virt := max(size, s.VirtualSize)
		addr := roundUp(next, virtAlign)
		offset := roundUp(end, fileAlign)
		raw := roundUp(size, int64(img.FileAlignment))

		next = addr + virt
		end = offset + raw
		grown += raw

		if next > math.MaxUint32 || end > math.MaxUint32 {
			return nil, fmt.Errorf("appending section %s: the image would be larger than the 4 GiB that PE allows", s.Name)
		}

		if err := body.PadTo(offset - int64(img.SizeOfHeaders)); err != nil {
			return nil, fmt.Errorf("appending section %s: %w", s.Name, err)
		}

		body.Append(s.Content)
		body.AppendZeros(raw - size)

		chars := s.Characteristics
		if chars == 0 {
			chars = InitializedData | Read
		}

		h := header[img.table+(len(img.Sections)+i)*sectionSize:][:sectionSize]
		copy(h[:8], s.Name)
		le.PutUint32(h[8:], uint32(virt))
		le.PutUint32(h[12:], uint32(addr))
		le.PutUint32(h[16:], uint32(raw))
		le.PutUint32(h[20:], uint32(offset))
		le.PutUint32(h[36:], chars)
	}

	img.patch(header, len(sections), uint32(grown), roundUp(next, virtAlign))

	out := extent.FromBytes(header)
	out.Append(body)

	return out, nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// room checks that n more entries fit between the section table and the first
// section's data, and that nothing lies there.
func (img *Image) room(n int) error {
	from := img.table + len(img.Sections)*sectionSize
	to := from + n*sectionSize
	limit := int64(img.SizeOfHeaders)

	for i := range img.Sections {
		if s := &img.Sections[i]; s.Size > 0 {
			limit = min(limit, int64(s.Offset))
		}
	}

	if int64(to) > limit || int(img.SizeOfHeaders) > len(img.header) {
		return fmt.Errorf("%d of %d bytes of headers are taken, %d more sections need %d: %w",
			from, limit, n, n*sectionSize, ErrNoRoom)
	}

	if len(img.Sections)+n > maxSections {
		return fmt.Errorf("the image would have %d sections: %w", len(img.Sections)+n, ErrNoRoom)
	}

	for _, c := range img.header[from:to] {
		if c != 0 {
			return fmt.Errorf("other data follows the section table: %w", ErrNoRoom)
		}
	}

	return nil
}

// patch brings the header's counts and sizes up to date.
func (img *Image) patch(header []byte, n int, grown uint32, sizeOfImage int64) {
	le.PutUint16(header[img.coff+2:], uint16(len(img.Sections)+n))

	o := header[img.coff+20:]
	le.PutUint32(o[8:], le.Uint32(o[8:])+grown) // SizeOfInitializedData
	le.PutUint32(o[56:], uint32(min(sizeOfImage, math.MaxUint32)))
	le.PutUint32(o[64:], 0) // CheckSum

	if img.CertificateSize > 0 {
		dirs := 96
		if img.pe32plus {
			dirs = 112
		}

		clear(o[dirs+32 : dirs+40])
	}
}
