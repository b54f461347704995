package graph

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/tree"
)

// visible gives the nodes that views show.
func (g *Graph) visible() []*Node {
	return slices.DeleteFunc(g.Packages(), func(n *Node) bool { return n.Hidden() })
}

// label names what an edge leads to.
func (e Edge) label() string {
	switch {
	case e.Node != nil:
		return e.Node.String()
	case e.Debian != "":
		return "debian " + e.Lock()
	default:
		return e.Image
	}
}

// WriteText writes a line per package, what is needed before what needs it,
// with its dependencies indented below. Packages whose variables set
// GRAPH_IGNORE to true are left out, as in the other views.
func (g *Graph) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)

	for _, n := range g.visible() {
		fmt.Fprint(out, n) //nolint:errcheck // Flush reports it

		if n.Version != "" {
			fmt.Fprint(out, " ", n.Version) //nolint:errcheck // as above
		}

		fmt.Fprintf(out, " (%s)\n", n.Dir) //nolint:errcheck // as above

		for _, e := range n.Edges {
			if e.Node != nil && e.Node.Hidden() {
				continue
			}

			fmt.Fprintf(out, "  %s", e.label()) //nolint:errcheck // as above

			if e.Source() != "/" || e.Target() != "/" {
				fmt.Fprintf(out, " %s → %s", e.Source(), e.Target()) //nolint:errcheck // as above
			}

			if e.Runtime {
				fmt.Fprint(out, " runtime") //nolint:errcheck // as above
			}

			if e.Recipe {
				fmt.Fprint(out, " recipe") //nolint:errcheck // as above
			}

			fmt.Fprintln(out) //nolint:errcheck // as above
		}
	}

	return out.Flush()
}

// WriteDOT writes the graph for Graphviz. Arrows lead from what is needed to
// what needs it, bold green ones are runtime dependencies, dashed ones lead from
// a recipe to its further outputs; external inputs are yellow boxes.
func (g *Graph) WriteDOT(w io.Writer) error {
	var b strings.Builder

	b.WriteString("digraph packages {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n")

	external := map[string]bool{}

	for _, n := range g.visible() {
		fmt.Fprintf(&b, "\t%s;\n", quote(n.String()))

		for _, e := range n.Edges {
			if e.Node != nil && e.Node.Hidden() {
				continue
			}

			if label := e.label(); e.Node == nil && !external[label] {
				external[label] = true

				fmt.Fprintf(&b, "\t%s [style=filled, fillcolor=lemonchiffon];\n", quote(label))
			}

			attributes := ""
			if e.Runtime {
				attributes = " [style=bold, color=forestgreen]"
			}

			if e.Recipe {
				attributes = " [style=dashed]"
			}

			fmt.Fprintf(&b, "\t%s -> %s%s;\n", quote(e.label()), quote(n.String()), attributes)
		}
	}

	b.WriteString("}\n")

	_, err := io.WriteString(w, b.String())

	return err
}

// quote makes a quoted identifier of the DOT language.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// View is the graph as WriteJSON writes it.
type View struct {
	Packages []ViewPackage `json:"packages"`
}

// ViewPackage is a package in a View.
type ViewPackage struct {
	Name          string   `json:"name"`
	Version       string   `json:"version,omitempty"`
	Licenses      []string `json:"licenses,omitempty"`
	File          string   `json:"file"`
	Platform      string   `json:"platform"`
	BuildPlatform string   `json:"buildPlatform"`
	Target        bool     `json:"target,omitempty"`
	Description   string   `json:"description,omitempty"`
	// Recipe is the package whose steps make this one, an output of it.
	Recipe       string           `json:"recipe,omitempty"`
	Dependencies []ViewDependency `json:"dependencies"`
}

// ViewDependency is a dependency in a View.
type ViewDependency struct {
	Stage    string `json:"stage,omitempty"`
	Image    string `json:"image,omitempty"`
	Debian   string `json:"debian,omitempty"`
	Platform string `json:"platform"`
	From     string `json:"from"`
	To       string `json:"to"`
	Runtime  bool   `json:"runtime,omitempty"`
	// Recipe tells that the package is an output of this one's recipe.
	Recipe bool `json:"recipe,omitempty"`
}

// WriteJSON writes the graph as a View.
func (g *Graph) WriteJSON(w io.Writer) error {
	view := View{Packages: []ViewPackage{}}

	for _, n := range g.visible() {
		p := ViewPackage{
			Name: n.Name, Version: n.Version, Licenses: n.Licenses, File: n.File,
			Platform: tree.FormatPlatform(n.Platform), BuildPlatform: tree.FormatPlatform(n.BuildPlatform),
			Target:       slices.Contains(g.Targets, n),
			Description:  n.Description,
			Dependencies: []ViewDependency{},
		}

		if recipe := n.RecipeNode(); recipe != nil {
			p.Recipe = recipe.Name
		}

		for _, e := range n.Edges {
			if e.Node != nil && e.Node.Hidden() {
				continue
			}

			d := ViewDependency{
				Stage: e.Stage, Image: e.Image, Platform: tree.FormatPlatform(e.Platform),
				Debian: e.Lock(), From: e.Source(), To: e.Target(), Runtime: e.Runtime, Recipe: e.Recipe,
			}

			p.Dependencies = append(p.Dependencies, d)
		}

		view.Packages = append(view.Packages, p)
	}

	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)

	return encoder.Encode(view)
}
