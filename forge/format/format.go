package format

import (
	"bytes"
	"regexp"
	"strings"
)

// Format gives the formatted text. It is src itself where that can't be
// understood: see the package's documentation.
func Format(src []byte) []byte {
	f := formatter{}

	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		f.line(line)
	}

	f.left = f.levels
	f.flush(0, 0)

	out := []byte(strings.TrimRight(f.out.String(), "\n") + "\n")
	if !same(src, out) {
		return src
	}

	return out
}

// level is a mapping or a list: the column where it stands and where it goes.
type level struct {
	from, to int
	list     bool
}

type formatter struct {
	out     bytes.Buffer
	levels  []level
	left    []level  // levels before the line that is being written
	waiting []string // comments, blank lines and templates before a line
	blanks  int

	// script is the block scalar that is being read, if any.
	script *script
	// open is set inside of brackets or quotes that go on over lines, shift
	// how far their lines are moved.
	open  scanner
	shift int
	// action is set inside of a template action that goes on over lines.
	action bool
}

// script is a block scalar: the column of what it belongs to, and how far its
// lines are moved, once the first one is known.
type script struct {
	parent, to int
	explicit   bool
	known      bool
	shift      int
}

var (
	header = regexp.MustCompile(`^((?:[&!]\S*\s+)*)[|>]([+-]?[0-9]?[+-]?)\s*(#.*)?$`)
	simple = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./-]*|"[^"{}]*"|'[^'{}]*'):(?:[ \t]+(.*))?$`)
	digits = regexp.MustCompile(`[0-9]`)
	// actions is a line that has templates and nothing else.
	actions = regexp.MustCompile(`^\s*(\{\{([^{}]|\{[^{]|\}[^}])*\}\}\s*)+$`)
)

func (f *formatter) line(line string) {
	trimmed := strings.TrimSpace(line)
	indent := len(line) - len(strings.TrimLeft(line, " "))

	switch {
	case f.action:
		f.verbatim(line)
		f.action = !strings.Contains(line, "}}")
	case f.script != nil && f.scriptLine(line, trimmed, indent):
	case f.open.inside():
		f.emit(indent+f.shift, strings.TrimLeft(line, " "))
		f.open.scan(line)
	case trimmed == "" || strings.HasPrefix(trimmed, "#") || actions.MatchString(line):
		f.waiting = append(f.waiting, line)
	case strings.HasPrefix(trimmed, "{{") && !strings.Contains(trimmed, "}}"):
		f.flush(indent, indent)
		f.verbatim(line)
		f.action = true
	case indent == 0 && (trimmed == "---" || trimmed == "..."):
		f.flush(0, 0)
		f.emit(0, trimmed)
		f.levels = nil
	default:
		f.structure(indent, strings.TrimRight(strings.TrimLeft(line, " "), " \t"))
	}
}

// emit writes a line that begins at a column.
func (f *formatter) emit(column int, text string) {
	f.blanks = 0

	if text != "" {
		f.out.WriteString(strings.Repeat(" ", max(0, column)) + text)
	}

	f.out.WriteByte('\n')
}

func (f *formatter) verbatim(line string) {
	f.blanks = 0
	f.out.WriteString(line + "\n")
}

// flush writes what waited for a line that is moved from a column to another.
func (f *formatter) flush(from, to int) {
	for _, line := range f.waiting {
		text := strings.TrimSpace(line)
		column := len(line) - len(strings.TrimLeft(line, " "))

		switch {
		case text == "":
			if f.blanks++; f.blanks == 1 && f.out.Len() > 0 {
				f.out.WriteByte('\n')
			}
		case strings.HasPrefix(text, "#"):
			f.emit(f.column(column, from, to), text)
		default:
			f.verbatim(line)
		}
	}

	f.waiting = nil
}

// column is where a comment goes: with the line that it stands before, or with
// those that it stands below.
func (f *formatter) column(column, from, to int) int {
	if column == from {
		return to
	}

	for _, l := range f.left {
		if l.from == column {
			return l.to
		}
	}

	return column + to - from
}

// scriptLine takes a line of a block scalar; false says that it has ended.
func (f *formatter) scriptLine(line, trimmed string, indent int) bool {
	s := f.script

	switch {
	case trimmed == "":
		// A line of spaces may be a part of the text.
		if s.known && indent > s.to-s.shift {
			f.verbatim(strings.Repeat(" ", max(0, len(line)+s.shift)))
		} else {
			f.out.WriteByte('\n')
		}

		return true
	case indent > s.parent:
		if !s.known {
			s.known = true

			if s.explicit {
				s.shift = s.to - 2 - s.parent
			} else {
				s.shift = s.to - indent
			}
		}

		f.verbatim(strings.Repeat(" ", max(0, indent+s.shift)) + line[indent:])

		return true
	case strings.HasPrefix(trimmed, "{{"):
		// Templates within a script may stand anywhere.
		f.verbatim(line)

		return true
	}

	f.script = nil

	// Blank lines after a script are not a part of it.
	text := strings.TrimRight(f.out.String(), "\n")
	if blank := strings.Count(f.out.String()[len(text):], "\n"); blank > 1 {
		f.out.Truncate(len(text) + 1)
		f.waiting = append(f.waiting, "")
	}

	return false
}

// structure takes a line with a key or an entry of a list.
func (f *formatter) structure(indent int, text string) {
	f.left = append(f.left[:0], f.levels...)
	column := f.enter(indent, text)
	f.flush(indent, column)

	var b strings.Builder

	from, to := indent, column

	for text == "-" || strings.HasPrefix(text, "- ") {
		rest := strings.TrimLeft(text[1:], " ")
		if rest == "" {
			b.WriteString("-")

			text = ""

			break
		}

		b.WriteString("- ")

		inner := from + len(text) - len(rest)
		f.begin(rest, from, to+2)
		from, to, text = inner, to+2, rest

		if strings.HasPrefix(text, "- ") {
			f.levels = append(f.levels, level{from: from, to: to, list: true})
		}
	}

	if m := simple.FindStringSubmatch(text); m != nil && m[2] != "" {
		f.begin(m[2], from, to+2)

		text = m[1] + ": " + m[2]
		if !strings.HasPrefix(m[2], "#") {
			f.key(from, to)
		}
	} else if m != nil {
		f.key(from, to)
	}

	f.emit(column, b.String()+text)

	f.shift = column - indent
	if f.script == nil {
		f.open = scanner{}
		f.open.scan(text)
	}
}

// begin looks whether a value is the head of a block scalar; what it belongs to
// stands at column parent.
func (f *formatter) begin(value string, parent, to int) {
	if m := header.FindStringSubmatch(value); m != nil {
		f.script = &script{parent: parent, to: to, explicit: digits.MatchString(m[2])}
	}
}

// key notes the mapping that a key within a list entry begins.
func (f *formatter) key(from, to int) {
	if n := len(f.levels); n > 0 && f.levels[n-1].from < from {
		f.levels = append(f.levels, level{from: from, to: to})
	}
}

// enter finds the level that a line belongs to, and gives its new column.
func (f *formatter) enter(indent int, text string) int {
	list := text == "-" || strings.HasPrefix(text, "- ")

	for n := len(f.levels); n > 0; n = len(f.levels) {
		top := f.levels[n-1]
		if top.from < indent || top.from == indent && (list || !top.list) {
			break
		}

		f.levels = f.levels[:n-1]
	}

	n := len(f.levels)

	switch {
	case n == 0:
		f.levels = append(f.levels, level{from: indent, list: list})
	case f.levels[n-1].from == indent && f.levels[n-1].list == list:
	default:
		f.levels = append(f.levels, level{from: indent, to: f.levels[n-1].to + 2, list: list})
	}

	return f.levels[len(f.levels)-1].to
}
