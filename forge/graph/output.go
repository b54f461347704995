package graph

import (
	"fmt"
	"strings"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// A package that is one output of a recipe (tree.Package.Recipe) is a node of
// its own. Its first edge leads to the recipe's node, whose steps make it; the
// others are what comes with the output, and play no part in making it.

// recipe gives the edge from an output to the recipe that makes it.
func (r *resolver) recipe(n *Node) (Edge, bool) {
	d := &pkgtree.Dependency{Stage: n.Package.Recipe.Name, Pos: n.NamePos}

	r.path = append(r.path, step{n, d})
	defer func() { r.path = r.path[:len(r.path)-1] }()

	t, err := r.variant(n.Tree, n.Platform, n.Tree.BuildPlatform())
	if err != nil {
		r.fail(n.Package, n.NamePos, err)

		return Edge{}, false
	}

	e := Edge{Dependency: d, Owner: n, Node: r.node(t, d.Stage), Platform: n.Platform, Recipe: true}

	return e, e.Node != nil
}

// divided is the error for a target that is made of outputs alone.
func divided(p *tree.Package) error {
	names := make([]string, len(p.Outputs))
	for i := range p.Outputs {
		names[i] = p.Outputs[i].Name
	}

	return fmt.Errorf("package %q has no finalize of its own; build its outputs: %s", p.Name, strings.Join(names, ", "))
}

// RecipeNode is the node whose steps make this one, which is one of its
// outputs; nil for others.
func (n *Node) RecipeNode() *Node {
	if n.Package.Recipe == nil || len(n.Edges) == 0 || !n.Edges[0].Recipe {
		return nil
	}

	return n.Edges[0].Node
}

// needs calls visit for every node that takes part in making n. What comes
// with an output takes part in making what depends on it.
func (n *Node) needs(visit func(*Node)) {
	if n.Package.Recipe != nil {
		if recipe := n.RecipeNode(); recipe != nil {
			visit(recipe)
		}

		return
	}

	for _, e := range n.Edges {
		if e.Node != nil {
			visit(e.Node)
			e.Node.companions(visit)
		}
	}
}

// companions calls visit for what comes with an output.
func (n *Node) companions(visit func(*Node)) {
	if n.Package.Recipe == nil {
		return
	}

	for _, e := range n.Edges {
		if e.Runtime && e.Node != nil {
			visit(e.Node)
			e.Node.companions(visit)
		}
	}
}
