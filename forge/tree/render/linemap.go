package render

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// Map translates positions in a rendered text to positions in its source.
// The zero Map is for a text that is its own source.
type Map struct {
	segments     []segment
	source, text []byte
}

// segment is a piece of output: from offset out on, made by what stands at
// offset src of the source. The bytes of a literal piece are the source's.
type segment struct {
	out, src int
	literal  bool
}

// Source gives the place in the source of line and column (counted from one,
// columns in characters) of the rendered text. What an action printed is
// placed where the action begins.
func (m *Map) Source(line, column int) (int, int) {
	if len(m.segments) == 0 || line < 1 {
		return line, column
	}

	start := lineOffset(m.text, line)
	offset := start

	for i := 1; i < column && offset < len(m.text) && m.text[offset] != '\n'; i++ {
		_, size := utf8.DecodeRune(m.text[offset:])
		offset += size
	}

	i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].out > offset }) - 1
	s := m.segments[max(i, 0)]

	place := s.src
	if s.literal {
		place += offset - s.out
	}

	return position(m.source, min(place, len(m.source)))
}

// Rendered tells whether line of the rendered text differs from line of the
// source that it comes from, and gives its text.
func (m *Map) Rendered(line int) (string, bool) {
	if len(m.segments) == 0 || line < 1 {
		return "", false
	}

	text := lineAt(m.text, lineOffset(m.text, line))
	sourceLine, _ := m.Source(line, 1)
	source := lineAt(m.source, lineOffset(m.source, sourceLine))

	return string(bytes.TrimSpace(text)), !bytes.Equal(bytes.TrimSpace(text), bytes.TrimSpace(source))
}

// position gives line and column of a byte offset.
func position(text []byte, offset int) (int, int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1

	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// lineOffset gives the offset of the first byte of a line; the end of the
// text when it has fewer lines.
func lineOffset(text []byte, line int) int {
	offset := 0

	for ; line > 1; line-- {
		i := bytes.IndexByte(text[offset:], '\n')
		if i < 0 {
			return len(text)
		}

		offset += i + 1
	}

	return offset
}

func lineAt(text []byte, offset int) []byte {
	rest := text[offset:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		return rest[:i]
	}

	return rest
}
