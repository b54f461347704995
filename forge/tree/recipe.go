package tree

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// recipe is a recipe while it is decoded: it is completed with what only the
// tree knows first.
type recipe struct {
	tree     *Tree
	vars     map[string]string
	document *pkgtree.Package
	missing  document.Errors
}

// UnmarshalYAML completes and decodes the recipe. Values for other
// architectures are checked, too: a mistake in them should not wait for the
// first build.
func (r *recipe) UnmarshalYAML(n *yaml.Node) error {
	arch := strings.TrimPrefix(r.tree.target.id, "linux/")
	others := pkgtree.OtherArchitectures(n, arch)
	copies := make([]*yaml.Node, len(others))

	for i := range others {
		copies[i] = copyNode(n, map[*yaml.Node]*yaml.Node{})
	}

	var errs document.Errors

	errs, r.missing = r.decode(n, arch, r.document)
	known := map[string]bool{}

	for _, e := range errs {
		known[e.Error()] = true
	}

	for i, other := range others {
		found, _ := r.decode(copies[i], other, &pkgtree.Package{})

		for _, e := range found {
			if !known[e.Error()] {
				known[e.Error()] = true
				errs = append(errs, e)
			}
		}
	}

	return errs.OrNil()
}

func (r *recipe) decode(n *yaml.Node, arch string, into *pkgtree.Package) (wrong, missing document.Errors) {
	c := pkgtree.Completion{Steps: r.tree.Root.Steps, Arch: arch, Render: r.render}
	missing, wrong = c.Complete(n)

	return append(wrong, document.Join("", document.DecodeNode("", nil, n, into))...), missing
}

// render renders a text of a reusable step. Parameters come before variables.
func (r *recipe) render(text string, parameters map[string]string) (string, error) {
	vars := r.vars

	if len(parameters) > 0 {
		vars = maps.Clone(vars)
		maps.Copy(vars, parameters)
	}

	rendered, err := render.Render("", []byte(text), vars)
	if err == nil {
		return string(rendered.Text), nil
	}

	if found := document.Join("", err); len(found) > 0 {
		message := found[0].Message
		if found[0].Hint != "" {
			message += "; " + found[0].Hint
		}

		err = errors.New(message)
	}

	return "", err
}

// copyNode copies a node and all below it. What is one node by its aliases is
// one in the copy.
func copyNode(n *yaml.Node, copies map[*yaml.Node]*yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}

	if c := copies[n]; c != nil {
		return c
	}

	c := *n
	copies[n] = &c
	c.Alias = copyNode(n.Alias, copies)
	c.Content = make([]*yaml.Node, len(n.Content))

	for i, child := range n.Content {
		c.Content[i] = copyNode(child, copies)
	}

	return &c
}

// withOutputs adds, after each package, those that its steps make besides it.
func withOutputs(packages []*Package) []*Package {
	all := make([]*Package, 0, len(packages))

	for _, p := range packages {
		all = append(all, p)

		for i := range p.Outputs {
			output := *p
			output.Package, output.Recipe, output.Missing = p.OutputPackage(i), p, nil
			all = append(all, &output)
		}
	}

	return all
}

// Divided tells whether the package has outputs and is none of them itself: it
// can be neither built nor depended on.
func (p *Package) Divided() bool { return len(p.Finalize) == 0 && len(p.Outputs) > 0 }

func (p *Package) divided() error {
	names := make([]string, len(p.Outputs))
	for i := range p.Outputs {
		names[i] = p.Outputs[i].Name
	}

	return fmt.Errorf("package %q has no finalize of its own; name one of its outputs: %s", p.Name, strings.Join(names, ", "))
}
