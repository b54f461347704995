package engine

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
)

// maxSourceLines is how much of a long instruction is shown.
const maxSourceLines = 12

// SourceLines are the lines of a document that a step was made from, as the
// graph's source map has them (solver/pb/ops.proto, Source).
type SourceLines struct {
	File string
	// First is the number of the first line, counted from 1.
	First int
	Lines []string
}

// sourceLines finds the innermost place that the solver's error names, nil if
// it names none.
func sourceLines(err error) *SourceLines {
	for _, s := range errdefs.Sources(err) {
		if s.Info == nil || len(s.Ranges) == 0 {
			continue
		}

		lines := strings.Split(string(s.Info.Data), "\n")
		first, last := int(s.Ranges[0].GetStart().GetLine()), int(s.Ranges[0].GetEnd().GetLine())

		if first < 1 || first > len(lines) {
			continue
		}

		last = min(max(first, last), len(lines))

		return &SourceLines{File: s.Info.Filename, First: first, Lines: lines[first-1 : last]}
	}

	return nil
}

// write prints the place and the lines with their numbers.
func (s *SourceLines) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s:%d:", s.File, s.First)

	for i, line := range s.Lines {
		if i == maxSourceLines {
			fmt.Fprintf(b, "\n      ... %d more lines", len(s.Lines)-i)

			return
		}

		fmt.Fprintf(b, "\n%5d | %s", s.First+i, strings.TrimRight(line, "\r"))
	}
}
