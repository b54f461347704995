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
	source, text lines
}

// lines is a text and where its lines begin, so that a place in it is found
// without reading what stands before.
type lines struct {
	text   []byte
	starts []int
}

func newLines(text []byte) lines {
	starts := make([]int, 1, bytes.Count(text, []byte("\n"))+1)

	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}

	return lines{text, starts}
}

// offset gives the offset of the first byte of a line, counted from one; the
// end of the text when it has fewer lines.
func (l *lines) offset(line int) int {
	if line > len(l.starts) {
		return len(l.text)
	}

	return l.starts[line-1]
}

// line gives the text of a line.
func (l *lines) line(line int) []byte { return lineAt(l.text, l.offset(line)) }

// position gives line and column of a byte offset.
func (l *lines) position(offset int) (int, int) {
	line := sort.SearchInts(l.starts, offset+1)

	return line, utf8.RuneCount(l.text[l.starts[line-1]:offset]) + 1
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

	offset, text := m.text.offset(line), m.text.text

	for i := 1; i < column && offset < len(text) && text[offset] != '\n'; i++ {
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}

	i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].out > offset }) - 1
	s := m.segments[max(i, 0)]

	place := s.src
	if s.literal {
		place += offset - s.out
	}

	return m.source.position(min(place, len(m.source.text)))
}

// Rendered tells whether line of the rendered text differs from line of the
// source that it comes from, and gives its text.
func (m *Map) Rendered(line int) (string, bool) {
	if len(m.segments) == 0 || line < 1 {
		return "", false
	}

	text := m.text.line(line)
	sourceLine, _ := m.Source(line, 1)
	source := m.source.line(sourceLine)

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
