package diff

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// whole reads a file from its beginning, whatever was read before.
func whole(r *io.SectionReader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }

// part is a range of a file, cut off at its end.
func part(r *io.SectionReader, offset, size int64) *io.SectionReader {
	offset = min(max(offset, 0), r.Size())

	return io.NewSectionReader(r, offset, min(max(size, 0), r.Size()-offset))
}

// all reads a file into memory.
func all(r *io.SectionReader) ([]byte, error) {
	data := make([]byte, r.Size())
	if _, err := r.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %d bytes: %w", len(data), err)
	}

	return data, nil
}

// span is a range of bytes: from start up to end.
type span struct{ start, end int64 }

// chunk is how much is compared at a time.
const chunk = 256 << 10

// firstDifference is the offset of the first byte that differs, the size of
// the shorter file when it begins the longer one, and -1 for equal files.
func firstDifference(a, b *io.SectionReader) (int64, error) {
	found := int64(-1)

	err := scan(a, b, func(at int64) bool {
		found = at

		return false
	})
	if err != nil {
		return 0, err
	}

	if found < 0 && a.Size() != b.Size() {
		found = min(a.Size(), b.Size())
	}

	return found, nil
}

// scan calls differs with every offset at which the common part of two files
// differs, until it returns false.
func scan(a, b *io.SectionReader, differs func(at int64) bool) error {
	size := min(a.Size(), b.Size())
	bufs := [2][]byte{make([]byte, min(chunk, size)), make([]byte, min(chunk, size))}

	for at := int64(0); at < size; {
		n := min(int64(len(bufs[0])), size-at)

		for i, r := range []*io.SectionReader{a, b} {
			if _, err := r.ReadAt(bufs[i][:n], at); err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("reading at %d: %w", at, err)
			}
		}

		if !bytes.Equal(bufs[0][:n], bufs[1][:n]) {
			for i := range n {
				if bufs[0][i] != bufs[1][i] && !differs(at+i) {
					return nil
				}
			}
		}

		at += n
	}

	return nil
}

// ranges are the parts in which two files of one size differ. Those less than
// gap apart are one. More than limit give errOpaque.
func ranges(a, b *io.SectionReader, gap int64, limit int) ([]span, error) {
	var found []span

	err := scan(a, b, func(at int64) bool {
		if n := len(found); n > 0 && at-found[n-1].end < gap {
			found[n-1].end = at + 1
		} else {
			found = append(found, span{at, at + 1})
		}

		return len(found) <= limit
	})
	if err == nil && len(found) > limit {
		err = errOpaque
	}

	return found, err
}

// maxText is the largest file that is compared by lines.
const maxText = 16 << 20

// leaf lists the difference of two files that are not looked into further.
func (c *comparer) leaf(p place, a, b *io.SectionReader, offset int64, note string) error {
	if a.Size() <= maxText && b.Size() <= maxText {
		lines, ok, err := textDifference(a, b)
		if err != nil {
			return err
		}

		if ok {
			c.add(p, Difference{Text: note + lines, Offset: offset})

			return nil
		}
	}

	text, err := binaryDifference(a, b, offset)
	if err != nil {
		return err
	}

	c.add(p, Difference{Text: note + text, Offset: offset})

	return nil
}

// binaryDifference shows the bytes around the first difference.
func binaryDifference(a, b *io.SectionReader, offset int64) (string, error) {
	var text strings.Builder

	fmt.Fprintf(&text, "first difference at byte %d (0x%x)", offset, offset)

	count := 0

	if err := scan(a, b, func(int64) bool { count++; return true }); err != nil {
		return "", err
	}

	if a.Size() == b.Size() {
		fmt.Fprintf(&text, ", %d of %d bytes differ", count, a.Size())
	} else {
		fmt.Fprintf(&text, ", sizes %d | %d", a.Size(), b.Size())
	}

	for i, r := range []*io.SectionReader{a, b} {
		line, err := hexLine(r, offset&^15)
		if err != nil {
			return "", err
		}

		fmt.Fprintf(&text, "\n%s %s", []string{"-", "+"}[i], line)
	}

	return text.String(), nil
}

// hexLine is 16 bytes as hexadecimal and as characters.
func hexLine(r *io.SectionReader, offset int64) (string, error) {
	data, err := all(part(r, offset, 16))
	if err != nil {
		return "", err
	}

	shown := bytes.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '.'
		}

		return c
	}, bytes.ToValidUTF8(data, []byte(".")))

	return fmt.Sprintf("%08x  % -47x  %s", offset, data, shown), nil
}

const (
	// maxLines is how many differing lines are shown.
	maxLines = 3
	// maxLine is where a shown line is cut.
	maxLine = 160
)

// textDifference shows the first lines that differ; ok says that both files
// are text.
func textDifference(a, b *io.SectionReader) (string, bool, error) {
	var sides [2][]string

	for i, r := range []*io.SectionReader{a, b} {
		data, err := all(r)
		if err != nil {
			return "", false, err
		}

		if !isText(data) {
			return "", false, nil
		}

		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, maxText+1)

		for lines.Scan() {
			sides[i] = append(sides[i], lines.Text())
		}
	}

	var text strings.Builder

	differing, first := 0, -1

	for i := range max(len(sides[0]), len(sides[1])) {
		left, right := line(sides[0], i), line(sides[1], i)
		if left == right {
			continue
		}

		if first < 0 {
			first = i
		}

		if differing++; differing <= maxLines {
			fmt.Fprintf(&text, "\n- %s\n+ %s", cut(left), cut(right))
		}
	}

	head := fmt.Sprintf("line %d", first+1)

	switch {
	case first < 0:
		head = "the line breaks differ"
	case len(sides[0]) != len(sides[1]):
		head += fmt.Sprintf(" and what follows, %d | %d lines", len(sides[0]), len(sides[1]))
	case differing > 1:
		head += fmt.Sprintf(" and %d more", differing-1)
	}

	return head + text.String(), true, nil
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}

	return ""
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > maxLine {
		return string(runes[:maxLine]) + "…"
	}

	return text
}

// isText tells text from other bytes: valid UTF-8 without control characters
// that text has no use for.
func isText(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\r\f\v\x1b", r)
	}) < 0
}
