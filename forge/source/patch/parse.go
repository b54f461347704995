package patch

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Patch is a parsed file of diffs.
type Patch struct {
	// Name is what messages call it.
	Name  string
	files []file
}

// file is what a patch does to one file.
type file struct {
	line     int    // of its header, from 1
	old, new string // as the header has them; "" for /dev/null
	hunks    []hunk

	copies  bool // Git's "copy from": old stays
	moves   bool // Git's "rename from" or "copy from"
	deletes bool // Git's "deleted file mode"
	creates bool // Git's "new file mode"
	mode    string
}

// hunk is a piece of a diff. Lines keep their newline, if they have one.
type hunk struct {
	line              int // of its header, from 1
	oldStart          int
	before, after     []string
	edits             []edit
	leading, trailing int // lines of context
}

// edit is one line of a hunk: kept (' '), removed ('-') or added ('+').
type edit struct {
	op   byte
	text string
}

// Error is a patch that can't be read or applied.
type Error struct {
	Name   string // of the patch
	Line   int    // in the patch, from 1; 0 for the whole
	Reason string
}

// Error gives name, line and reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Name + ": " + e.Reason
	}

	return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Reason)
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

type parser struct {
	patch *Patch
	lines []string
	at    int
}

// Parse reads a patch; name is what messages call it. The error is an *Error.
// A file without a diff is a patch that does nothing, unless it is a diff of a
// kind that is not understood.
func Parse(name string, data []byte) (*Patch, error) {
	p := &parser{patch: &Patch{Name: name}}

	for line := range bytes.Lines(data) {
		p.lines = append(p.lines, string(line))
	}

	var git *file // the Git header that the next diff belongs to

	flush := func() {
		if git != nil && (git.moves || git.deletes || git.creates || git.mode != "") {
			p.patch.files = append(p.patch.files, *git)
		}

		git = nil
	}

	for p.at < len(p.lines) {
		line := strings.TrimRight(p.lines[p.at], "\r\n")

		switch {
		case strings.HasPrefix(line, "diff --git "):
			flush()

			old, updated := gitNames(strings.TrimPrefix(line, "diff --git "))
			git = &file{line: p.at + 1, old: old, new: updated}
			p.at++
		case git != nil && git.extended(line):
			p.at++
		case strings.HasPrefix(line, "GIT binary patch") || git != nil && strings.HasPrefix(line, "Binary files "):
			return nil, p.fail("this is a binary patch, only text can be patched")
		case strings.HasPrefix(line, "*** ") && p.at+1 < len(p.lines) && strings.HasPrefix(p.lines[p.at+1], "--- "):
			return nil, p.fail("this is a context diff, make it a unified one (diff -u)")
		case strings.HasPrefix(line, "--- ") && p.at+1 < len(p.lines) && strings.HasPrefix(p.lines[p.at+1], "+++ "):
			f := file{line: p.at + 1}
			if git != nil {
				f = *git
			}

			git = nil

			if err := p.diff(&f); err != nil {
				return nil, err
			}

			p.patch.files = append(p.patch.files, f)
		case strings.HasPrefix(line, "@@ -") && hunkHeader.MatchString(line):
			return nil, p.fail("a hunk without the names of files before it (--- and +++)")
		default:
			p.at++
		}
	}

	flush()

	return p.patch, nil
}

func (p *parser) fail(format string, args ...any) error {
	return &Error{Name: p.patch.Name, Line: p.at + 1, Reason: fmt.Sprintf(format, args...)}
}

// extended reads a line of Git's header (git-diff(1)).
func (f *file) extended(line string) bool {
	key, value := line, ""

	for _, k := range []string{
		"old mode ", "new mode ", "deleted file mode ", "new file mode ", "rename from ", "rename to ",
		"copy from ", "copy to ", "similarity index ", "dissimilarity index ", "index ",
	} {
		if v, ok := strings.CutPrefix(line, k); ok {
			key, value = k, v
		}
	}

	switch key {
	case "new mode ":
		f.mode = value
	case "deleted file mode ":
		f.deletes = true
	case "new file mode ":
		f.creates, f.mode = true, value
	case "rename from ":
		f.moves, f.old = true, "a/"+unquote(value)
	case "copy from ":
		f.moves, f.copies, f.old = true, true, "a/"+unquote(value)
	case "rename to ", "copy to ":
		f.new = "b/" + unquote(value)
	case "old mode ", "similarity index ", "dissimilarity index ", "index ":
	default:
		return false
	}

	return true
}

// diff reads the two names and the hunks after them.
func (p *parser) diff(f *file) error {
	old, updated := headerName(p.lines[p.at][4:]), headerName(p.lines[p.at+1][4:])

	if !f.moves {
		f.old, f.new = old, updated
	}

	p.at += 2

	for p.at < len(p.lines) && strings.HasPrefix(p.lines[p.at], "@@ ") {
		m := hunkHeader.FindStringSubmatch(p.lines[p.at])
		if m == nil {
			return p.fail("the header of the hunk is not @@ -LINE,COUNT +LINE,COUNT @@")
		}

		if err := p.hunk(f, m); err != nil {
			return err
		}
	}

	if len(f.hunks) == 0 {
		p.at--

		return p.fail("no hunk (@@) follows the names of the files")
	}

	return nil
}

// hunk reads one hunk, whose header m matches.
func (p *parser) hunk(f *file, m []string) error {
	h := hunk{line: p.at + 1}

	var counts [3]int // start, lines before, lines after

	for i, text := range []string{m[1], m[2], m[4]} {
		if text == "" {
			text = "1"
		}

		n, err := strconv.Atoi(text)
		if err != nil || n > 1<<30 {
			return p.fail("the number %s in the header of the hunk is too large", text)
		}

		counts[i] = n
	}

	h.oldStart = counts[0]
	p.at++

	for len(h.before) < counts[1] || len(h.after) < counts[2] {
		if p.at >= len(p.lines) {
			p.at = h.line - 1

			return p.fail("the patch ends within this hunk: %d of %d and %d of %d lines are there",
				len(h.before), counts[1], len(h.after), counts[2])
		}

		if err := p.hunkLine(&h); err != nil {
			return err
		}
	}

	if len(h.before) > counts[1] || len(h.after) > counts[2] {
		p.at = h.line - 1

		return p.fail("the hunk has other numbers of lines than its header says")
	}

	p.noNewline(&h)
	h.context()

	f.hunks = append(f.hunks, h)

	return nil
}

func (p *parser) hunkLine(h *hunk) error {
	line := p.lines[p.at]
	op, text := line[0], line[1:]

	// Editors remove the blank of empty lines.
	if op == '\n' || line == "\r\n" {
		op, text = ' ', line
	}

	switch op {
	case ' ', '-', '+':
	case '\\':
		p.noNewline(h)

		return nil
	default:
		return p.fail("a line of a hunk begins with a blank, a minus or a plus, not with %q", op)
	}

	h.edits = append(h.edits, edit{op, text})

	if op != '+' {
		h.before = append(h.before, text)
	}

	if op != '-' {
		h.after = append(h.after, text)
	}

	p.at++

	return nil
}

// noNewline takes the newline from the last line where the patch says that it
// has none.
func (p *parser) noNewline(h *hunk) {
	if p.at >= len(p.lines) || !strings.HasPrefix(p.lines[p.at], `\ `) || len(h.edits) == 0 {
		if p.at < len(p.lines) && strings.HasPrefix(p.lines[p.at], `\`) {
			p.at++
		}

		return
	}

	p.at++

	last := &h.edits[len(h.edits)-1]
	last.text = strings.TrimSuffix(last.text, "\n")

	if last.op != '+' {
		h.before[len(h.before)-1] = last.text
	}

	if last.op != '-' {
		h.after[len(h.after)-1] = last.text
	}
}

// context counts the lines that stay at both ends.
func (h *hunk) context() {
	for h.leading < len(h.edits) && h.edits[h.leading].op == ' ' {
		h.leading++
	}

	for h.trailing < len(h.edits)-h.leading && h.edits[len(h.edits)-1-h.trailing].op == ' ' {
		h.trailing++
	}
}
