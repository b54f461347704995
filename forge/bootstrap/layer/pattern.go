package layer

import (
	"fmt"
	"path"
	"strings"
)

// Pattern names paths to drop, or with a leading exclamation mark to keep.
// After that mark it is absolute; in its elements, * is any text, ? one
// character and [a-z] a set; an element ** is any number of elements.
type Pattern struct {
	text     string
	keep     bool
	elements []string
}

// ParsePattern checks and splits a pattern.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text}
	rest, keep := strings.CutPrefix(text, "!")
	p.keep = keep

	if !strings.HasPrefix(rest, "/") || rest == "/" {
		return Pattern{}, fmt.Errorf("pattern %q does not begin with / and a name", text)
	}

	for element := range strings.SplitSeq(rest[1:], "/") {
		switch {
		case element == "" || element == "." || element == "..":
			return Pattern{}, fmt.Errorf("pattern %q has an element %q", text, element)
		case element != "**" && strings.Contains(element, "**"):
			return Pattern{}, fmt.Errorf("pattern %q: ** stands for whole elements only", text)
		}

		if _, err := path.Match(element, ""); err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: %q: %w", text, element, err)
		}

		p.elements = append(p.elements, element)
	}

	return p, nil
}

// UnmarshalText makes a pattern out of its text.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePattern(string(text))

	return err
}

// MarshalText is the text that the pattern was made of.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// String is the text that the pattern was made of.
func (p Pattern) String() string { return p.text }

// Excluded tells whether the patterns drop the path, which has no leading
// slash. A pattern that matches a directory goes for all below it; of several
// patterns that match, the last decides.
func Excluded(patterns []Pattern, name string) bool {
	elements := strings.Split(name, "/")

	for i := len(patterns) - 1; i >= 0; i-- {
		if matchPrefix(patterns[i].elements, elements) {
			return !patterns[i].keep
		}
	}

	return false
}

// matchPrefix tells whether the pattern matches the path or a directory above
// it.
func matchPrefix(pattern, elements []string) bool {
	for i, p := range pattern {
		if p == "**" {
			if i == len(pattern)-1 {
				return len(elements) > i
			}

			for skip := i; skip <= len(elements); skip++ {
				if matchPrefix(pattern[i+1:], elements[skip:]) {
					return true
				}
			}

			return false
		}

		if i >= len(elements) {
			return false
		}

		// ParsePattern saw to it that the pattern is good.
		if ok, err := path.Match(p, elements[i]); err != nil || !ok {
			return false
		}
	}

	return true
}
