package diff

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/akmon-os/akmon/media/pe"
)

// section is a named range of a file.
type section struct {
	name       string
	properties []property
	content    *io.SectionReader // nil for what takes no room in the file
	// describe adds what is known of the place of a difference; may be nil.
	describe func(offset int64) string
}

func (c *comparer) elf(p place, a, b *io.SectionReader) error {
	var lists [2][]section

	for i, r := range []*io.SectionReader{a, b} {
		var err error
		if lists[i], err = elfSections(r); err != nil {
			return opaque("ELF", err)
		}
	}

	if p.kernel {
		done, err := c.kernelSlots(p, a, b)
		if done || err != nil {
			return err
		}
	}

	return c.sections(p, lists[0], lists[1])
}

// elfSections are the sections, or the segments of a file without.
func elfSections(r *io.SectionReader) (list []section, err error) {
	defer recoverAs(&err)

	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}

	header := []property{
		{"class", f.Class}, {"machine", f.Machine}, {"type", f.Type}, {"entry", fmt.Sprintf("%#x", f.Entry)}, {"ABI", f.OSABI},
	}
	list = append(list, section{name: "ELF header", properties: header})

	if len(f.Sections) == 0 {
		for i, s := range f.Progs {
			list = append(list, section{
				name:       fmt.Sprintf("segment %d", i),
				properties: []property{{"type", s.Type}, {"flags", s.Flags}, {"address", fmt.Sprintf("%#x", s.Vaddr)}, {"size", s.Filesz}},
				content:    part(r, int64(s.Off), int64(s.Filesz)), //nolint:gosec // part keeps it within the file
			})
		}

		return list, nil
	}

	symbols := symbolNames(f)

	for i, s := range f.Sections {
		if s.Type == elf.SHT_NULL {
			continue
		}

		// Offsets are left out: they follow from the sizes.
		one := section{name: s.Name, properties: []property{
			{"type", s.Type}, {"flags", s.Flags}, {"address", fmt.Sprintf("%#x", s.Addr)}, {"size", s.FileSize},
		}}

		if s.Type != elf.SHT_NOBITS {
			one.content = part(r, int64(s.Offset), int64(s.FileSize)) //nolint:gosec // as above
		}

		one.describe = func(offset int64) string { return symbols.at(elf.SectionIndex(i), s.Addr, f.Type, offset) }

		if s.Name == ".note.gnu.build-id" {
			one.describe = func(int64) string { return buildID(one.content) }
		}

		list = append(list, one)
	}

	return list, nil
}

// buildID is the build ID that a note holds, which stands for the content of
// the whole file.
func buildID(note *io.SectionReader) string {
	data, err := all(note)
	if err != nil || len(data) < noteHeader {
		return ""
	}

	return "build ID " + hex.EncodeToString(data[noteHeader:])
}

// symbolTable finds which function or object a place of a section belongs to.
type symbolTable map[elf.SectionIndex][]elf.Symbol

func symbolNames(f *elf.File) symbolTable {
	// A stripped file has none: then places are offsets alone.
	symbols, _ := f.Symbols()

	table := symbolTable{}

	for _, s := range symbols {
		if s.Size > 0 && s.Name != "" {
			table[s.Section] = append(table[s.Section], s)
		}
	}

	return table
}

func (t symbolTable) at(section elf.SectionIndex, addr uint64, kind elf.Type, offset int64) string {
	where := uint64(offset) //nolint:gosec // an offset is not negative
	if kind != elf.ET_REL {
		where += addr // in linked files symbols have addresses
	}

	i := slices.IndexFunc(t[section], func(s elf.Symbol) bool { return s.Value <= where && where-s.Value < s.Size })
	if i < 0 {
		return ""
	}

	s := t[section][i]

	return fmt.Sprintf("in %s+%#x", s.Name, where-s.Value)
}

// sections compares executables section by section; sections that differ in
// more than their place are compared as files are.
func (c *comparer) sections(p place, a, b []section) error {
	find := func(list []section, name string, nth int) *section {
		for i := range list {
			if list[i].name != name {
				continue
			}

			if nth == 0 {
				return &list[i]
			}

			nth--
		}

		return nil
	}

	seen := map[string]int{}

	for i := range a {
		left := &a[i]
		right := find(b, left.name, seen[left.name])
		seen[left.name]++

		if right == nil {
			c.add(p.in(left.name), Difference{Text: "only in the first", Offset: -1})

			continue
		}

		if err := c.section(p.in(left.name), left, right); err != nil {
			return err
		}
	}

	for i := range b {
		if seen[b[i].name] == 0 {
			c.add(p.in(b[i].name), Difference{Text: "only in the second", Offset: -1})
		} else {
			seen[b[i].name]--
		}
	}

	return nil
}

func (c *comparer) section(p place, a, b *section) error {
	if a.content == nil || b.content == nil {
		c.properties(p, a.properties, b.properties)

		return nil
	}

	offset, err := firstDifference(a.content, b.content)
	if err != nil {
		return err
	}

	if offset < 0 {
		c.properties(p, a.properties, b.properties)

		return nil
	}

	note := ""

	if a.describe != nil {
		left, right := a.describe(offset), b.describe(offset)

		switch {
		case left == "" && right == "":
		case left == right:
			note = left + ": "
		default:
			note = left + " | " + right + ": "
		}
	}

	if formatOf(a.content) != nil {
		return c.compare(p, a.content, b.content)
	}

	return c.leaf(p, a.content, b.content, offset, note)
}

// pe compares images for UEFI: their sections, and what is before the first and
// behind the last of them.
func (c *comparer) pe(p place, a, b *io.SectionReader) error {
	var lists [2][]section

	for i, r := range []*io.SectionReader{a, b} {
		var err error
		if lists[i], err = peSections(r); err != nil {
			if errors.Is(err, pe.ErrFormat) {
				return opaque("PE", err)
			}

			return err
		}
	}

	return c.sections(p, lists[0], lists[1])
}

func peSections(r *io.SectionReader) ([]section, error) {
	img, err := pe.Parse(r, r.Size())
	if err != nil {
		return nil, fmt.Errorf("looking into it: %w", err)
	}

	headers := part(r, 0, int64(img.SizeOfHeaders))
	list := []section{{name: "PE headers", content: headers}}
	end := headers.Size()

	for i := range img.Sections {
		s := &img.Sections[i]
		list = append(list, section{
			name: s.Name, content: img.Open(s),
			properties: []property{
				{"address", fmt.Sprintf("%#x", s.VirtualAddress)}, {"size", s.VirtualSize},
				{"characteristics", fmt.Sprintf("%#x", s.Characteristics)},
			},
		})

		end = max(end, int64(s.Offset)+int64(s.Size))
	}

	if img.CertificateSize > 0 {
		list = append(list, section{name: "Authenticode signatures", content: part(r, int64(img.CertificateOffset), int64(img.CertificateSize))})
	}

	return append(list, section{name: "data behind the sections", content: part(r, end, r.Size())}), nil
}
