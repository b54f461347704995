package ctl

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table aligns columns with three spaces between them, as documented examples
// show them. It can be flushed at any time: columns only ever get wider.
type table struct {
	out    io.Writer
	widths []int
	rows   [][]string // since the last flush
}

func newTable(out io.Writer, header ...string) *table {
	t := &table{out: out}
	t.row(header...)

	return t
}

// row adds a row; control characters become spaces, so that a cell breaks
// neither the table nor the terminal.
func (t *table) row(cells ...string) {
	clean := make([]string, len(cells))

	for i, cell := range cells {
		clean[i] = strings.Map(printable, cell)

		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}

		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(clean[i]))
	}

	t.rows = append(t.rows, clean)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}

	return r
}

func (t *table) flush() error {
	var b strings.Builder

	for _, row := range t.rows {
		var line strings.Builder

		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)+3))
		}

		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}

	t.rows = nil

	if _, err := io.WriteString(t.out, b.String()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}

	return nil
}
