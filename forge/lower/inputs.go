package lower

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// InputSet is what must be fetched before targets can be built. Each list is
// in the order in which the graph needs it, without repetition.
type InputSet struct {
	URLs   []URLInput
	Git    []GitInput
	DSCs   []DSCInput
	Go     []GoInput
	Debian []DebianInput
	Images []ImageInput
	// Secrets and SSH are what steps ask of who builds.
	Secrets []SecretInput
	SSH     []SSHInput
	// Tree tells that the local "tree" is needed.
	Tree bool
}

// Place is where a recipe asks for an input. Another recipe may ask for the
// same; the first one counts.
type Place struct {
	// Package is the name of the package.
	Package string

	recipe *tree.Package
	pos    pkgtree.Position
}

// Errorf makes a finding that points at the place.
func (p Place) Errorf(format string, args ...any) *document.Error {
	return p.recipe.Errorf(p.pos, format, args...)
}

// URLInput is a file to download. FileName is its last path element in the
// build, for messages.
type URLInput struct {
	Place

	URL, SHA256, SHA512 string
	FileName            string
}

// GitInput is a commit whose archive is wanted; the sums are the archive's.
// Revision is the commit, or a branch or a tag.
type GitInput struct {
	Place

	URL, Revision, SHA256, SHA512 string
	Submodules                    bool
}

// DSCInput is a Debian source package; URL and sums are those of its .dsc.
type DSCInput struct {
	Place

	URL, SHA256, SHA512 string
	Unpatched           bool
}

// GoInput is the modules that Dir/go.sum names; Dir is relative to the root of
// the tree. SHA256 is the digest of the go.sum.
type GoInput struct {
	Place

	Dir    string
	GoSum  []byte
	SHA256 string
}

// DebianInput is a root file system to assemble. Lock is relative to the root
// of the tree.
type DebianInput struct {
	Place

	Lock     string
	Platform ocispecs.Platform
}

// ImageInput is an image in a registry.
type ImageInput struct {
	Place

	Ref      string
	Platform ocispecs.Platform
}

// Inputs gives what the targets and everything below them need; no target
// means all of the graph.
func Inputs(g *graph.Graph, targets ...string) (*InputSet, error) {
	nodes, err := closure(g, targets)
	if err != nil {
		return nil, err
	}

	c := collector{set: &InputSet{}, seen: map[string]bool{}}
	for _, n := range nodes {
		c.node(n)
	}

	return c.set, nil
}

func closure(g *graph.Graph, targets []string) ([]*graph.Node, error) {
	if len(targets) == 0 {
		return g.Packages(), nil
	}

	var (
		nodes []*graph.Node
		seen  = map[*graph.Node]bool{}
	)

	for _, target := range targets {
		if g.Find(target) == nil {
			return nil, notFound(g, target)
		}

		for _, n := range g.Closure(target) {
			if !seen[n] {
				seen[n] = true
				nodes = append(nodes, n)
			}
		}
	}

	return nodes, nil
}

func notFound(g *graph.Graph, target string) error {
	var names []string
	for _, n := range g.Packages() {
		names = append(names, n.Name)
	}

	hint := document.Suggest(target, names)
	if hint != "" {
		hint = "; " + hint
	}

	return fmt.Errorf("the graph has no package %q%s", target, hint)
}

type collector struct {
	set  *InputSet
	seen map[string]bool
}

// first tells whether an input is asked for the first time.
func (c *collector) first(key ...any) bool {
	k := fmt.Sprintf("%q", key)
	if c.seen[k] {
		return false
	}

	c.seen[k] = true

	return true
}

func (c *collector) node(n *graph.Node) {
	if n.Tree.VariantOf(n.Package) == pkgtree.Alpine && n.Recipe == nil && c.first("image", AlpineImage, tree.FormatPlatform(n.BuildPlatform)) {
		c.set.Images = append(c.set.Images, ImageInput{Place{n.Name, n.Package, n.NamePos}, AlpineImage, n.BuildPlatform})
	}

	for _, e := range inputEdges(n) {
		place := Place{Package: e.Owner.Name, recipe: e.Owner.Package, pos: e.Pos}

		switch {
		case e.Debian != "" && c.first("debian", e.Lock(), tree.FormatPlatform(e.Platform)):
			c.set.Debian = append(c.set.Debian, DebianInput{place, e.Lock(), e.Platform})
		case e.Image != "" && c.first("image", e.Image, tree.FormatPlatform(e.Platform)):
			c.set.Images = append(c.set.Images, ImageInput{place, e.Image, e.Platform})
		}
	}

	if n.HasFiles && (len(n.Steps) > 0 || finalizesPkg(n)) {
		c.set.Tree = true
	}

	for i := range n.Steps {
		for j := range n.Steps[i].Sources {
			c.source(n, &n.Steps[i].Sources[j])
		}

		c.secrets(n, &n.Steps[i])
	}
}

// inputEdges are the dependencies that take part in making a package: its own,
// and what comes with outputs of other packages.
func inputEdges(n *graph.Node) []graph.Edge {
	for _, e := range n.Edges {
		if n.Recipe != nil || e.Node != nil && e.Node.Recipe != nil {
			return n.Inputs()
		}
	}

	return n.Edges
}

func (c *collector) source(n *graph.Node, s *pkgtree.Source) {
	place := Place{Package: n.Name, recipe: n.Package, pos: s.Pos}

	switch {
	case s.URL != "" && c.first("url", s.SHA256, s.SHA512):
		c.set.URLs = append(c.set.URLs, URLInput{place, s.URL, s.SHA256, s.SHA512, s.FileName()})
	case s.Git != "" && c.first("git", s.SHA256, s.SHA512):
		c.set.Git = append(c.set.Git, GitInput{place, s.Git, s.Revision(), s.SHA256, s.SHA512, s.Submodules})
	case s.Debian != "" && c.first("dsc", s.SHA256, s.SHA512, s.Unpatched):
		c.set.DSCs = append(c.set.DSCs, DSCInput{place, s.Debian, s.SHA256, s.SHA512, s.Unpatched})
	case s.Image != "":
		// A platform that does not exist is an error of the recipe.
		if platform, err := sourcePlatform(n.Platform, s); err == nil && c.first("image", s.Image, tree.FormatPlatform(platform)) {
			c.set.Images = append(c.set.Images, ImageInput{place, s.Image, platform})
		}
	case s.Local != "":
		c.set.Tree = true
	case s.Go != "":
		sum := n.Tree.GoSum(s.Go)
		if digest := sha256Hex(sum); c.first("go", digest) {
			c.set.Go = append(c.set.Go, GoInput{place, s.Go, sum, digest})
		}
	}
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:])
}
