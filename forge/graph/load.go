package graph

import (
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

// Load loads a tree and resolves the targets, as tree.Load and [Resolve] do,
// but reports the findings of both together.
func Load(opts tree.Options, targets []string) (*Graph, error) {
	t, found, err := tree.Inspect(opts)
	if err != nil {
		return nil, err
	}

	if len(found) == 0 {
		return Resolve(t, targets)
	}

	return nil, document.Errors(append(found, Findings(t)...)).Unique()
}

// Findings gives what Resolve finds in the whole of a tree that lacks what
// could not be understood (tree.Inspect): cycles, and packages that are wrong
// on the platform that a dependency takes them for.
func Findings(t *tree.Tree) document.Errors {
	r := &resolver{nodes: map[string]*Node{}, state: map[*Node]int{}, main: t, partial: true}

	for _, name := range t.Names() {
		r.node(t, name)
	}

	return r.errs
}
