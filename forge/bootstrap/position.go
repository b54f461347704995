package bootstrap

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// find gives the node at a path of keys and indices of the document in data,
// or the deepest one on the way that there is.
func find(data []byte, path ...string) *yaml.Node {
	roots, err := document.Parse("", data)
	if err != nil || len(roots) == 0 {
		return nil
	}

	n := roots[0]

	for _, key := range path {
		next := child(n, key)
		if next == nil {
			break
		}

		n = next
	}

	return n
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}

	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	}

	return nil
}

// findings collects what is wrong with one document.
type findings struct {
	file string
	data []byte
	errs document.Errors
}

// at reports a finding at the end of a path, or as far as there is one.
func (f *findings) at(path []string, hint, format string, args ...any) {
	f.node(find(f.data, path...), hint, format, args...)
}

func (f *findings) node(n *yaml.Node, hint, format string, args ...any) {
	if len(f.errs) >= document.MaxFindings {
		return
	}

	e := document.At(f.file, f.data, n, format, args...)
	e.Hint = hint
	f.errs = append(f.errs, e)
}

// format checks the document's version.
func (f *findings) format(got string) {
	switch got {
	case Format:
	case "":
		f.at([]string{"format"}, "", "the document must say `format: %s`", Format)
	default:
		f.at([]string{"format"}, document.Suggest(got, []string{Format}), "format must be %s, not %q", Format, got)
	}
}

// layout finds what the types of the fields let through: empty values.
func (f *findings) layout(l *Layout) {
	for i, p := range l.Exclude {
		if p.String() == "" {
			f.at([]string{"exclude", strconv.Itoa(i)}, "remove it", "this entry of exclude is empty")
		}
	}

	for _, path := range sortedPaths(l.Links) {
		if path == "" || l.Links[path] == "" {
			f.at([]string{"links", string(path)}, "", "the link %s does not say what it leads to", path)
		}
	}

	if _, ok := l.Files[""]; ok {
		f.at([]string{"files"}, "", "files has an empty path")
	}
}
