package forge

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/publish/sbom"
	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// describe collects what is in the target and what built it.
func (t *target) describe(digest string, epoch time.Time) (sbom.Image, error) {
	root := t.nodes[0]
	image := sbom.Image{
		Name: root.Name, Version: root.Version, Digest: digest,
		Platform: strings.Join(t.platforms(), ","),
		Supplier: root.Tree.Root.Vars["VENDOR"],
		Homepage: root.Homepage, Licenses: root.Licenses,
		Created: epoch, Tool: "akmon-" + version.Tag,
	}

	inside := map[*graph.Node]bool{}
	for _, n := range t.nodes {
		markInside(n, inside)
	}

	var components, tools []sbom.Component

	seen := map[*graph.Node]bool{}

	var visit func(n *graph.Node) error

	visit = func(n *graph.Node) error {
		if seen[n] {
			return nil
		}

		seen[n] = true

		switch {
		case n == root:
		case asRecipe(t.nodes, n):
		case inside[n]:
			components = append(components, component(n))
		default:
			tools = append(tools, component(n))
		}

		for _, e := range n.Edges {
			if e.Node != nil {
				if err := visit(e.Node); err != nil {
					return err
				}
			}

			packages, err := debianComponents(e)
			if err != nil {
				return err
			}

			if inside[n] && reaches(n, e) {
				components = append(components, packages...)
			} else {
				tools = append(tools, packages...)
			}
		}

		return nil
	}

	for _, n := range t.nodes {
		if err := visit(n); err != nil {
			return image, err
		}
	}

	// A package may be there for several platforms, or as part and as tool.
	listed := map[string]bool{}
	image.Components = unlisted(components, listed)
	image.Tools = unlisted(tools, listed)

	return image, nil
}

func unlisted(components []sbom.Component, listed map[string]bool) []sbom.Component {
	return slices.DeleteFunc(components, func(c sbom.Component) bool {
		key := c.Name + "@" + c.Version
		again := listed[key]
		listed[key] = true

		return again
	})
}

// reaches tells whether the files of a dependency reach the output of n: one
// that is put at / serves the build, one that is put elsewhere is on its way
// into the output, as is all that a package without steps passes on. An output
// of a recipe has what reaches the recipe's build, and nothing of what comes
// with it.
func reaches(n *graph.Node, e graph.Edge) bool {
	if n.Recipe != nil {
		return e.Recipe
	}

	return e.Target() != "/" || len(n.Steps) == 0
}

// markInside finds the packages whose files reach the image.
func markInside(n *graph.Node, inside map[*graph.Node]bool) {
	if inside[n] {
		return
	}

	inside[n] = true

	for _, e := range n.Edges {
		if e.Node != nil && reaches(n, e) {
			markInside(e.Node, inside)
		}
	}
}

// debianComponents are the packages that a lock file pins.
func debianComponents(e graph.Edge) ([]sbom.Component, error) {
	if e.Debian == "" {
		return nil, nil
	}

	lock, err := readLock(e.Owner.Tree, e.Lock())
	if err != nil {
		return nil, err
	}

	var components []sbom.Component

	for _, p := range lock.Userlands[bootstrap.DebianArch(e.Platform.Architecture, e.Platform.Variant)] {
		components = append(components, sbom.Component{
			Name: p.Name, Version: p.Version, Supplier: "Debian",
			PURL:    fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", p.Name, url.QueryEscape(p.Version), p.Arch),
			Sources: []sbom.Source{{URL: p.URL, SHA256: p.SHA256, SHA512: p.SHA512}},
		})
	}

	return components, nil
}

// asRecipe tells whether a package is there only because its steps make another
// one, an output: what it puts out itself is nowhere.
func asRecipe(targets []*graph.Node, n *graph.Node) bool {
	if len(n.Outputs) == 0 {
		return false
	}

	seen := map[*graph.Node]bool{}

	var needed func(of *graph.Node) bool

	needed = func(of *graph.Node) bool {
		if seen[of] {
			return false
		}

		seen[of] = true

		return slices.ContainsFunc(of.Edges, func(e graph.Edge) bool {
			return e.Node != nil && (e.Node == n && !e.Recipe || needed(e.Node))
		})
	}

	return !slices.Contains(targets, n) && !slices.ContainsFunc(targets, needed)
}

func component(n *graph.Node) sbom.Component {
	c := sbom.Component{Name: n.Name, Version: n.Version, Licenses: n.Licenses, Homepage: n.Homepage}
	seen := map[string]bool{}
	steps := n.Steps

	if recipe := n.RecipeNode(); recipe != nil {
		steps = recipe.Steps
	}

	for _, step := range steps {
		for _, s := range step.Sources {
			source := sourceOf(s)
			if source.URL != "" && !seen[source.URL] {
				seen[source.URL] = true
				c.Sources = append(c.Sources, source)
			}
		}
	}

	return c
}

// sourceOf is a source from elsewhere; one of the tree has no URL.
func sourceOf(s pkgtree.Source) sbom.Source {
	return sbom.Source{URL: s.Location(), SHA256: s.Digest(), SHA512: s.SHA512}
}
