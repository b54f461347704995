package graph

import (
	"fmt"
	"slices"

	"github.com/akmon-os/akmon/schemas/document"
)

// Dependents gives the part of the graph that would feel a change of the named
// packages: they, and all that needs them, directly or through others. Only
// the dependencies between those are left. The named packages are its targets,
// for all platforms that the graph has them for.
func (g *Graph) Dependents(names ...string) (*Graph, error) {
	part := &Graph{Tree: g.Tree}
	copies := map[*Node]*Node{}

	for _, n := range g.nodes {
		named := slices.Contains(names, n.Name)

		var edges []Edge

		for _, e := range n.Edges {
			if to := copies[e.Node]; to != nil {
				e.Node = to
				edges = append(edges, e)
			}
		}

		if !named && len(edges) == 0 {
			continue
		}

		c := *n
		c.Edges = edges

		for i := range c.Edges {
			c.Edges[i].Owner = &c
		}

		copies[n] = &c
		part.nodes = append(part.nodes, &c)

		if named {
			part.Targets = append(part.Targets, &c)
		}
	}

	for _, name := range names {
		if g.Find(name) == nil {
			return nil, g.unknown(name)
		}
	}

	return part, nil
}

func (g *Graph) unknown(name string) error {
	var names []string
	for _, n := range g.nodes {
		names = append(names, n.Name)
	}

	hint := document.Suggest(name, names)
	if hint != "" {
		hint = "; " + hint
	}

	return fmt.Errorf("the graph has no package %q%s", name, hint)
}
