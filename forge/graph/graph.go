package graph

import (
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Graph is the packages that some targets need.
type Graph struct {
	// Tree is what the targets were looked up in.
	Tree *tree.Tree
	// Targets are the nodes of the targets, in the order asked for.
	Targets []*Node

	nodes []*Node
}

// Node is a package for a pair of platforms.
type Node struct {
	*tree.Package

	// Tree is the variant of the tree for the node's platforms.
	Tree *tree.Tree
	// Platform is what the package is for, BuildPlatform what its steps run
	// on.
	Platform, BuildPlatform ocispecs.Platform
	// Edges are the dependencies, as the recipe has them.
	Edges []Edge

	// main is the tree of the graph.
	main *tree.Tree
}

// Edge is one dependency of a node.
type Edge struct {
	*pkgtree.Dependency

	// Owner is the node whose recipe has the dependency; Node is what it
	// leads to, nil unless it is a stage.
	Owner, Node *Node
	// Platform is what an image or a Debian root file system is taken for.
	Platform ocispecs.Platform
	// Recipe tells that the owner is an output of the node's recipe.
	Recipe bool
}

// String names the node: the package, the platform that it is for unless that
// is the graph's and the steps run there, and what they run on if it is
// neither.
func (n *Node) String() string {
	target, build := tree.FormatPlatform(n.Platform), tree.FormatPlatform(n.BuildPlatform)
	name := n.Name

	if target != build || !samePlatform(n.Platform, n.main.Platform()) {
		name += " " + target
	}

	if target != build && !samePlatform(n.BuildPlatform, n.main.BuildPlatform()) {
		name += " on " + build
	}

	return name
}

// key identifies nodes.
func (n *Node) key() string {
	return n.Name + " " + tree.FormatPlatform(n.Platform) + " " + tree.FormatPlatform(n.BuildPlatform)
}

// Lock is the path of a Debian lock file, relative to the root of the tree;
// "" for other dependencies.
func (e Edge) Lock() string {
	if e.Debian == "" {
		return ""
	}

	return e.Owner.Path(e.Debian)
}

// id tells whether two dependencies are the same.
func (e Edge) id() string {
	what := e.Image + "\x00" + e.Lock()
	if e.Node != nil {
		what = e.Node.key()
	}

	return strings.Join([]string{what, tree.FormatPlatform(e.Platform), e.Source(), e.Target()}, "\x00")
}

// Inputs gives everything that is put into the build of the node: its
// dependencies, each followed by the runtime dependencies that come with it.
// What comes twice is given once, where it comes first. An output is put
// together from its recipe's build alone.
func (n *Node) Inputs() []Edge {
	if n.Package.Recipe != nil {
		return slices.Clone(n.Edges[:min(1, len(n.Edges))])
	}

	var inputs []Edge

	seen := map[string]bool{}
	add := func(e Edge) bool {
		id := e.id()
		if seen[id] {
			return false
		}

		seen[id] = true
		inputs = append(inputs, e)

		return true
	}

	expanded := map[*Node]bool{}

	var runtime func(of *Node)

	runtime = func(of *Node) {
		if of == nil || expanded[of] {
			return
		}

		expanded[of] = true

		for _, e := range of.Edges {
			if e.Runtime {
				add(e)
				runtime(e.Node)
			}
		}
	}

	for _, e := range n.Edges {
		add(e)
		runtime(e.Node)
	}

	return inputs
}

// Packages gives all nodes, what is needed before what needs it.
func (g *Graph) Packages() []*Node { return slices.Clone(g.nodes) }

// Leaves gives the nodes that no other node depends on. That a package has
// further outputs does not count.
func (g *Graph) Leaves() []*Node {
	needed := map[*Node]bool{}

	for _, n := range g.nodes {
		for _, e := range n.Edges {
			needed[e.Node] = needed[e.Node] || !e.Recipe
		}
	}

	return slices.DeleteFunc(g.Packages(), func(n *Node) bool { return needed[n] || n.Divided() })
}

// Find gives the node of a package, or nil. Of several nodes of one package
// it is that for the tree's own platforms, else the first.
func (g *Graph) Find(name string) *Node {
	for _, n := range g.Targets {
		if n.Name == name {
			return n
		}
	}

	var found *Node

	for _, n := range g.nodes {
		if n.Name != name {
			continue
		}

		if n.Tree == g.Tree {
			return n
		}

		if found == nil {
			found = n
		}
	}

	return found
}

// Closure gives the node of a package and everything that takes part in making
// it, what is needed before what needs it; nil when the graph does not have the
// package.
func (g *Graph) Closure(name string) []*Node {
	root := g.Find(name)
	if root == nil {
		return nil
	}

	in := map[*Node]bool{}

	var visit func(n *Node)

	visit = func(n *Node) {
		if in[n] {
			return
		}

		in[n] = true
		n.needs(visit)
	}

	visit(root)

	return slices.DeleteFunc(g.Packages(), func(n *Node) bool { return !in[n] })
}
