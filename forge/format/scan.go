package format

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scanner follows brackets and quotes over lines.
type scanner struct {
	depth int
	quote byte
}

func (s *scanner) inside() bool { return s.depth > 0 || s.quote != 0 }

// scan reads a line. Quotes count only where a value may begin.
func (s *scanner) scan(line string) {
	start := true

	for i := 0; i < len(line); i++ {
		c := line[i]

		switch {
		case s.quote != 0:
			switch {
			case c == '\\' && s.quote == '"':
				i++
			case c == s.quote && c == '\'' && i+1 < len(line) && line[i+1] == c:
				i++
			case c == s.quote:
				s.quote = 0
			}

			continue
		case strings.HasPrefix(line[i:], "{{"):
			end := strings.Index(line[i:], "}}")
			if end < 0 {
				return
			}

			i += end + 1
			start = false

			continue
		case c == '#' && (i == 0 || line[i-1] == ' '):
			return
		case start && (c == '"' || c == '\''):
			s.quote = c
		case (c == '[' || c == '{') && (start || s.depth > 0):
			s.depth++
		case (c == ']' || c == '}') && s.depth > 0:
			s.depth--
		}

		switch {
		case c == ' ' && start, c == ':' && i+1 < len(line) && line[i+1] == ' ', c == '-' && start, c == '[', c == '{', c == ',' && s.depth > 0:
			start = true
		default:
			start = false
		}
	}
}

var action = regexp.MustCompile(`\{\{(?s:.*?)\}\}`)

// standIn makes a text with templates one that can be read as YAML: lines of
// templates alone vanish, those within lines become words.
func standIn(text []byte) []byte {
	var b bytes.Buffer

	// An action over several lines is a comment, or has its lines to itself.
	text = action.ReplaceAllFunc(text, func(m []byte) []byte {
		return bytes.ReplaceAll(m, []byte("\n"), nil)
	})

	for line := range bytes.Lines(text) {
		if actions.Match(bytes.TrimRight(line, "\r\n")) {
			continue
		}

		b.Write(action.ReplaceAllFunc(line, func(m []byte) []byte {
			return bytes.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
					return r
				}

				return 'x'
			}, m)
		}))
	}

	return b.Bytes()
}

// same tells whether two texts mean the same, as far as that can be read.
func same(a, b []byte) bool {
	x, okA := read(a)
	y, okB := read(b)

	return okA && okB && equal(&x, &y)
}

func read(text []byte) (n yaml.Node, ok bool) {
	return n, yaml.Unmarshal(standIn(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))), &n) == nil
}

func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}

	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}

	return true
}
