package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Resolve finds what the targets need. No target means every package that
// nothing depends on. The error has every finding: names that the tree does
// not have, and each cycle as a path (document.Errors).
func Resolve(t *tree.Tree, targets []string) (*Graph, error) {
	r := &resolver{nodes: map[string]*Node{}, state: map[*Node]int{}, main: t}

	names := targets
	if len(names) == 0 {
		names = t.Names()
	}

	var missing []error

	g := &Graph{Tree: t}

	for _, name := range names {
		p := t.Packages[name]

		switch {
		case p == nil:
			missing = append(missing, unknown(t, name))

			continue
		case p.Divided() && len(targets) == 0:
			continue // its outputs are there
		case p.Divided():
			missing = append(missing, divided(p))

			continue
		}

		n := r.node(t, name)
		if n != nil && !slices.Contains(g.Targets, n) {
			g.Targets = append(g.Targets, n)
		}
	}

	if err := errors.Join(append(missing, r.errs.OrNil())...); err != nil {
		return nil, err
	}

	g.nodes = r.order

	if len(targets) == 0 {
		g.Targets = g.Leaves()
	}

	return g, nil
}

func unknown(t *tree.Tree, name string) error {
	hint := document.Suggest(name, t.Names())
	if hint != "" {
		hint = "; " + hint
	}

	return fmt.Errorf("no package of the tree is named %q%s", name, hint)
}

type resolver struct {
	main  *tree.Tree
	nodes map[string]*Node
	state map[*Node]int
	// path is the nodes that are being resolved, each with the edge that
	// led to the next.
	path  []step
	order []*Node
	errs  document.Errors
	// partial tells that the tree lacks packages; that a stage is not there
	// has been reported already, or is not known.
	partial bool
}

type step struct {
	node *Node
	edge *pkgtree.Dependency
}

const (
	visiting = iota + 1
	done
)

// node gives the resolved node of a package of t; nil when it cannot be made.
func (r *resolver) node(t *tree.Tree, name string) *Node {
	target, build := t.Platform(), t.BuildPlatform()

	if wanted := t.Packages[name].BuildPlatform; wanted != "" {
		platform, err := tree.ParsePlatform(wanted)
		if err != nil {
			r.fail(t.Packages[name], t.Packages[name].NamePos, err)

			return nil
		}

		build = platform
	}

	variant, err := r.variant(t, target, build)
	if err != nil {
		r.fail(t.Packages[name], t.Packages[name].NamePos, err)

		return nil
	}

	p := variant.Packages[name]
	if p == nil {
		r.fail(t.Packages[name], t.Packages[name].NamePos, fmt.Errorf("the package has another name on %s", tree.FormatPlatform(build)))

		return nil
	}

	n := &Node{Package: p, Tree: variant, Platform: target, BuildPlatform: build, main: r.main}
	if known := r.nodes[n.key()]; known != nil {
		n = known
	} else {
		r.nodes[n.key()] = n
	}

	switch r.state[n] {
	case visiting:
		r.cycle(n)
	case done:
	default:
		r.edges(n)
	}

	return n
}

// variant is t for a pair of platforms. The tree that everything started from
// stays itself.
func (r *resolver) variant(t *tree.Tree, target, build ocispecs.Platform) (*tree.Tree, error) {
	for _, same := range []*tree.Tree{t, r.main} {
		if samePlatform(same.Platform(), target) && samePlatform(same.BuildPlatform(), build) {
			return same, nil
		}
	}

	return t.For(target, build)
}

func samePlatform(a, b ocispecs.Platform) bool {
	return tree.FormatPlatform(a) == tree.FormatPlatform(b)
}

func (r *resolver) edges(n *Node) {
	r.state[n] = visiting
	r.errs = append(r.errs, n.Missing...)

	if n.Package.Recipe != nil {
		if e, ok := r.recipe(n); ok {
			n.Edges = append(n.Edges, e)
		}
	}

	for i := range n.Dependencies {
		d := &n.Dependencies[i]
		r.path = append(r.path, step{n, d})

		if e, ok := r.edge(n, d); ok {
			n.Edges = append(n.Edges, e)
		}

		r.path = r.path[:len(r.path)-1]
	}

	r.state[n] = done
	r.order = append(r.order, n)
}

func (r *resolver) edge(n *Node, d *pkgtree.Dependency) (Edge, bool) {
	target, build := n.Platform, n.Tree.BuildPlatform()

	// What a cross-built package needs is there to run where it is built.
	if n.Package.BuildPlatform != "" {
		target = build
	}

	if d.Platform != "" {
		platform, err := tree.ParsePlatform(d.Platform)
		if err != nil {
			r.fail(n.Package, d.Pos, err)

			return Edge{}, false
		}

		target = platform
		if !n.Tree.Cross() {
			build = platform
		}
	}

	e := Edge{Dependency: d, Owner: n, Platform: target}

	if d.Stage == "" {
		// Images and userlands are there to run, unless the recipe says
		// for which platform it wants them.
		if d.Platform == "" {
			e.Platform = build
		}

		return e, true
	}

	t, err := r.variant(n.Tree, target, build)
	if err != nil {
		r.fail(n.Package, d.Pos, err)

		return Edge{}, false
	}

	if t.Packages[d.Stage] == nil && r.partial {
		return Edge{}, false
	}

	if t.Packages[d.Stage] == nil {
		r.fail(n.Package, d.Pos, unknown(t, d.Stage))

		return Edge{}, false
	}

	e.Node = r.node(t, d.Stage)

	return e, e.Node != nil
}

func (r *resolver) fail(p *tree.Package, pos pkgtree.Position, err error) {
	if found := document.Join("", err); len(found) > 0 && found[0].File != "" {
		r.errs = append(r.errs, found...)

		return
	}

	if r.partial {
		return // a platform that is not known, or a package without its name
	}

	r.errs = append(r.errs, p.Errorf(pos, "%v", err))
}

// cycle reports the path from n back to n. The finding is at the dependency
// that closes it.
func (r *resolver) cycle(n *Node) {
	start := slices.IndexFunc(r.path, func(s step) bool { return s.node == n })
	names := make([]string, 0, len(r.path)-start+1)

	for _, s := range r.path[start:] {
		names = append(names, s.node.String())
	}

	last := r.path[len(r.path)-1]
	r.errs = append(r.errs, last.node.Errorf(last.edge.Pos, "packages depend on each other: %s → %s", strings.Join(names, " → "), n))
}
