package patch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// hunks applies the hunks of a file, in their order, to its content.
func (a *applier) hunks(f *file, name string, content []byte) ([]byte, error) {
	var lines []string
	for line := range bytes.Lines(content) {
		lines = append(lines, string(line))
	}

	var (
		out    bytes.Buffer
		done   int // lines that are written
		offset int // between the line that a hunk says and where it is
	)

	for i := range f.hunks {
		h := &f.hunks[i]

		where := locate(h, lines, done, offset)
		if where < 0 {
			return nil, a.fail(h.line, "hunk %d of %d does not apply to %s%s", i+1, len(f.hunks), name, a.reason(h, lines, done))
		}

		offset = where - h.guess()

		for _, line := range lines[done:where] {
			out.WriteString(line)
		}

		for _, line := range h.after {
			out.WriteString(line)
		}

		done = where + len(h.before)
	}

	for _, line := range lines[done:] {
		out.WriteString(line)
	}

	return out.Bytes(), nil
}

// guess is the line, from 0, that the hunk says it begins at. A hunk that
// removes nothing comes after the line that it says.
func (h *hunk) guess() int {
	if len(h.before) == 0 {
		return h.oldStart
	}

	return h.oldStart - 1
}

// locate gives the line, from 0, at which the hunk fits, none before done; -1
// if there is none. It is the rule of GNU patch without fuzz.
func locate(h *hunk, lines []string, done, offset int) int {
	guess := h.guess() + offset
	last := len(lines) - len(h.before)

	fits := func(at int) bool {
		return at >= done && at <= last && slices.Equal(lines[at:at+len(h.before)], h.before)
	}

	only := func(at int) int {
		if fits(at) {
			return at
		}

		return -1
	}

	switch {
	case len(h.before) == 0:
		if guess < done || guess > len(lines) {
			return -1
		}

		return guess
	case h.leading < h.trailing && h.oldStart <= 1:
		// With less context before than after: the start of the file.
		return only(0)
	case h.trailing < h.leading:
		return only(last)
	}

	// Nearer places can't be: the file is not that long.
	nearest := max(0, guess-last, done-guess)

	for distance := nearest; guess+distance <= last || guess-distance >= done; distance++ {
		if fits(guess + distance) {
			return guess + distance
		}

		if fits(guess - distance) {
			return guess - distance
		}
	}

	return -1
}

// reason says what a hunk that has no place looked for, as far as that helps.
func (a *applier) reason(h *hunk, lines []string, done int) string {
	if slices.Equal(h.before, h.after) {
		return ""
	}

	reversed := hunk{oldStart: h.oldStart, before: h.after, leading: h.leading, trailing: h.trailing}
	if len(h.after) > 0 && locate(&reversed, lines, done, 0) >= 0 {
		return ": it is applied already"
	}

	// The first line that is not there at the place where the hunk says.
	for i, line := range h.before {
		at := h.oldStart - 1 + i

		switch {
		case at < 0 || at >= len(lines):
			return fmt.Sprintf(": the file has %d lines", len(lines))
		case lines[at] != line:
			return fmt.Sprintf(": line %d is %q, not %q", at+1, shorten(lines[at]), shorten(line))
		}
	}

	return ""
}

// shorten cuts a line for a message.
func shorten(s string) string {
	const limit = 80

	s = strings.TrimRight(s, "\n")
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}

	return s
}
