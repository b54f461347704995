package document

import (
	"bytes"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tooDeep is how the YAML library refuses what is nested too deep (10,000
// levels). It does not say where.
const tooDeep = "exceeded max depth"

// placeDepth adds the place to the finding that a document is nested too deep:
// the end of the shortest beginning of it of which that is true, too.
func placeDepth(data []byte, e *Error) *Error {
	if e.Line > 0 || !strings.Contains(e.Message, tooDeep) {
		return e
	}

	end := sort.Search(len(data), func(n int) bool {
		decoder := yaml.NewDecoder(bytes.NewReader(data[:n+1]))

		for {
			var doc yaml.Node
			if err := decoder.Decode(&doc); err != nil {
				return strings.Contains(err.Error(), tooDeep)
			}
		}
	})

	before := data[:end]
	start := bytes.LastIndexByte(before, '\n') + 1
	e.Line = bytes.Count(before, []byte("\n")) + 1
	e.Column = len([]rune(string(before[start:]))) + 1
	e.Text = lineOf(data, e.Line)

	return e
}
