package compare

import (
	"slices"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
)

// Change is a package whose result may differ.
type Change struct {
	// Name is the package, with its platform where that matters.
	Name string `json:"name"`
	// Kind is added, removed or changed.
	Kind string `json:"kind"`
	// Parts are the operations that differ by themselves, Through the
	// packages that this one needs and that differ.
	Parts   []string `json:"parts,omitempty"`
	Through []string `json:"through,omitempty"`
}

// Changes tells what differs: what is needed before what needs it, and what
// was removed last.
func Changes(before, after []lower.Explanation) []Change {
	old := map[string]lower.Explanation{}
	for _, e := range before {
		old[e.Node.String()] = e
	}

	keys := map[*graph.Node]bool{} // of after: what differs

	var changes []Change

	for _, e := range after {
		name := e.Node.String()
		was, existed := old[name]
		delete(old, name)

		if existed && was.Key == e.Key {
			continue
		}

		keys[e.Node] = true
		change := Change{Name: name, Kind: "changed"}

		if !existed {
			change.Kind = "added"
		} else {
			change.Parts = differing(was.Parts, e.Parts)

			for _, n := range e.Needs {
				if keys[n] {
					change.Through = append(change.Through, n.String())
				}
			}
		}

		changes = append(changes, change)
	}

	for _, e := range before {
		if _, left := old[e.Node.String()]; left {
			changes = append(changes, Change{Name: e.Node.String(), Kind: "removed"})
		}
	}

	return changes
}

// differing gives the names of the parts that are new, gone, or not the same.
func differing(before, after []lower.Part) []string {
	var names []string

	for _, p := range after {
		if !slices.Contains(before, p) {
			names = append(names, p.Name)
		}
	}

	for _, p := range before {
		if !slices.ContainsFunc(after, func(q lower.Part) bool { return q.Name == p.Name }) {
			names = append(names, p.Name+" (gone)")
		}
	}

	return names
}
