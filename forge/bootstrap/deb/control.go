package deb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Paragraph is a paragraph of a control file: its fields by their names in
// lower case. Continuation lines are joined with newlines, without the blank
// that marks them.
type Paragraph map[string]string

// Get returns the field with this name, whatever its case; "" if there is none.
func (p Paragraph) Get(name string) string { return p[strings.ToLower(name)] }

// Reader reads paragraphs one after the other.
type Reader struct {
	lines *bufio.Reader
	line  int
}

// NewReader returns a reader of the paragraphs in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{lines: bufio.NewReaderSize(r, 64<<10)}
}

// Next returns the next paragraph; after the last, io.EOF.
func (r *Reader) Next() (Paragraph, error) {
	var (
		fields = Paragraph{}
		name   string
		value  strings.Builder
	)

	flush := func() {
		if name != "" {
			fields[name] = value.String()
		}

		name = ""

		value.Reset()
	}

	for {
		line, err := r.lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read control data: %w", err)
		}

		last := err != nil
		line = strings.TrimRight(line, "\r\n")
		r.line++

		switch {
		case strings.TrimRight(line, " \t") == "":
			flush()

			if len(fields) > 0 {
				return fields, nil
			}

			if last {
				return nil, io.EOF
			}

			continue
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if name == "" {
				return nil, fmt.Errorf("read control data: line %d continues nothing", r.line)
			}

			value.WriteByte('\n')
			value.WriteString(strings.TrimRight(line[1:], " \t"))
		default:
			flush()

			key, rest, ok := strings.Cut(line, ":")
			if !ok || key == "" {
				return nil, fmt.Errorf("read control data: line %d is not a field", r.line)
			}

			name = strings.ToLower(key)
			if _, twice := fields[name]; twice {
				return nil, fmt.Errorf("read control data: line %d: the field %s occurs twice", r.line, key)
			}

			value.WriteString(strings.TrimSpace(rest))
		}

		if last {
			flush()

			if len(fields) == 0 {
				return nil, io.EOF
			}

			return fields, nil
		}
	}
}
