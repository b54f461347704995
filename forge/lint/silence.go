package lint

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// silence is a comment that silences a rule.
type silence struct {
	rule, reason string
	pos          pkgtree.Position
	// first and last are the lines that it is about.
	first, last int
	used        bool
}

func (s *silence) covers(line int) bool { return line >= s.first && line <= s.last }

var silencePattern = regexp.MustCompile(`(^|\s)#\s*lint:\s*([^\s:]*)\s*:?\s*(.*?)\s*$`)

// silences finds the comments of a recipe that silence something. One that has
// its line to itself is about the first line after it that is no comment.
func silences(raw []byte) []*silence {
	var (
		all     []*silence
		waiting []*silence
	)

	number := 0

	for line := range strings.Lines(string(raw)) {
		number++

		text := strings.TrimSpace(line)
		alone := strings.HasPrefix(text, "#")

		if !alone && text != "" {
			for _, s := range waiting {
				s.last = number
			}

			waiting = nil
		}

		m := silencePattern.FindStringSubmatchIndex(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}

		s := &silence{
			rule: line[m[4]:m[5]], reason: line[m[6]:m[7]], first: number, last: number,
			pos: pkgtree.Position{Line: number, Column: utf8.RuneCountInString(line[:m[3]]) + 1},
		}

		all = append(all, s)

		if alone {
			waiting = append(waiting, s)
		}
	}

	return all
}
