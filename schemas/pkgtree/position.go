package pkgtree

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Position is a place in a document. Line and Column count from one, columns
// in characters; the zero Position is "nowhere in particular".
type Position struct {
	Line, Column int
	// Root tells that the place is in the root document, in a reusable step
	// that the recipe uses.
	Root bool
}

// RootLines is added to the lines of nodes and findings that come from the
// root document, where those of a recipe are expected. No document has as many.
const RootLines = 1 << 24

// at is the position of node n.
func at(n *yaml.Node) Position {
	if n.Line > RootLines {
		return Position{Line: n.Line - RootLines, Column: n.Column, Root: true}
	}

	return Position{Line: n.Line, Column: n.Column}
}

// line is the line as nodes have it.
func (p Position) line() int {
	if p.Root {
		return p.Line + RootLines
	}

	return p.Line
}

// lookup gives the value of the first of keys that mapping n has.
func lookup(n *yaml.Node, keys ...string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}

	for _, key := range keys {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}

	return nil
}

// valueAt is the position of the value of the first of keys that mapping n
// has, or of n itself.
func valueAt(n *yaml.Node, keys ...string) Position {
	if value := lookup(n, keys...); value != nil {
		return at(value)
	}

	return at(n)
}

// checker collects findings about one node. The decoder that called the
// node's UnmarshalYAML fills in the file and the line's text.
type checker struct {
	node *yaml.Node
	errs document.Errors
}

// decode strictly decodes node n into v and keeps what is wrong with it. The
// types of v below the first level check themselves the same way.
func decode(n *yaml.Node, v any) *checker {
	c := &checker{node: n}
	c.errs = document.Join("", document.DecodeNode("", nil, n, v))

	if len(c.errs) > 0 {
		c.hintKeys(hintsFor(v))
	}

	return c
}

// fail reports a finding at the value of the first of keys that the node has.
func (c *checker) fail(keys []string, format string, args ...any) {
	c.failHint(keys, "", format, args...)
}

func (c *checker) failHint(keys []string, hint, format string, args ...any) {
	c.failAt(valueAt(c.node, keys...), hint, format, args...)
}

func (c *checker) failAt(p Position, hint, format string, args ...any) {
	c.errs = append(c.errs, &document.Error{
		Line: p.line(), Column: p.Column, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// failEntry reports a finding at an entry of a list.
func (c *checker) failEntry(key string, i int, format string, args ...any) {
	if list := entries(lookup(c.node, key)); i < len(list) {
		c.errs = append(c.errs, findingAt(list[i], format, args...))
	} else {
		c.fail([]string{key}, format, args...)
	}
}

// has tells whether the document itself gives key.
func (c *checker) has(key string) bool { return lookup(c.node, key) != nil }

// clean tells whether nothing is wrong yet with the value of key, or, when the
// document does not have it, with the names of its keys.
func (c *checker) clean(key string) bool {
	p := valueAt(c.node, key)

	for _, e := range c.errs {
		if e.Line == p.line() && (e.Column == p.Column || !c.has(key)) {
			return false
		}
	}

	return true
}

// misspelt tells whether a key that is not there was likely meant by one that
// is unknown.
func (c *checker) misspelt(key string) bool {
	hint := fmt.Sprintf("did you mean %q?", key)

	return slices.ContainsFunc(c.errs, func(e *document.Error) bool { return e.Hint == hint })
}

// oneOf reports a value that is not among the allowed ones.
func (c *checker) oneOf(key, value string, allowed ...string) {
	if value == "" && (!c.has(key) || !c.clean(key)) {
		return
	}

	for _, a := range allowed {
		if value == a {
			return
		}
	}

	hint := document.Suggest(value, allowed)
	if meant := otherValues[key][value]; meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}

	last := len(allowed) - 1
	list := strings.Join(allowed[:last], ", ") + " or " + allowed[last]

	if last == 0 {
		list = allowed[0]
	}

	if value == "" {
		c.failHint([]string{key}, hint, "%s is empty; it must be %s", key, list)
	} else {
		c.failHint([]string{key}, hint, "%s must be %s, not %q", key, list, value)
	}
}

// keyOf is where name stands in the mapping at key.
func (c *checker) keyOf(key, name string) Position {
	if m := lookup(c.node, key); m != nil && m.Kind == yaml.MappingNode {
		for i := 0; i < len(m.Content); i += 2 {
			if m.Content[i].Value == name {
				return at(m.Content[i])
			}
		}
	}

	return valueAt(c.node, key)
}

// noEmptyEntries reports entries of lists that say nothing: a dash and no more.
func (c *checker) noEmptyEntries(keys ...string) {
	for _, key := range keys {
		list := lookup(c.node, key)
		if list == nil {
			continue
		}

		for _, entry := range list.Content {
			if entry.Tag == "!!null" {
				p := at(entry)
				c.errs = append(c.errs, &document.Error{
					Line: p.line(), Column: p.Column, Message: "this entry of " + key + " is empty", Hint: "remove it",
				})
			}
		}
	}
}

func (c *checker) err() error { return c.errs.OrNil() }
