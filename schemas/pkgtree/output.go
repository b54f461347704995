package pkgtree

import (
	"go.yaml.in/yaml/v3"
)

// Output is one more package that the steps of a recipe make: the headers
// beside the library, say. The steps run once, whatever the number of outputs.
// Akmon's addition.
type Output struct {
	// Name is unique in the tree, as names of packages are; other packages
	// refer to it by `stage`.
	Name string `yaml:"name"`
	// Description says in one line what is in the output; Licenses are those
	// of the package unless given.
	Description string   `yaml:"description,omitempty"`
	Licenses    []string `yaml:"licenses,omitempty"`
	// Runtime is what whoever depends on the output gets with it. The
	// package's own runtime dependencies go with the package alone.
	Runtime []Dependency `yaml:"runtime,omitempty"`
	// Finalize copies the parts of the built file system that make the
	// output.
	Finalize []Finalize `yaml:"finalize"`
	// Image configures the OCI image that the output becomes.
	Image *Image `yaml:"image,omitempty"`

	// Pos is where the name stands.
	Pos Position `yaml:"-"`
}

// UnmarshalYAML decodes and checks the output.
func (o *Output) UnmarshalYAML(n *yaml.Node) error {
	type plain Output

	c := decode(n, (*plain)(o))
	o.Pos = valueAt(n, "name")

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	c.noEmptyEntries("runtime", "finalize")
	c.packageName(o.Name, "the output")

	if len(o.Finalize) == 0 && c.clean("finalize") {
		c.fail([]string{"finalize", "name"}, "the output has no finalize: it would be empty")
	}

	for i := range o.Runtime {
		o.Runtime[i].Runtime = true
	}

	return c.err()
}

// OutputPackage is output i as a package of its own: one without steps, whose
// dependencies are what comes with it.
func (p *Package) OutputPackage(i int) *Package {
	o := &p.Outputs[i]

	licenses := o.Licenses
	if len(licenses) == 0 {
		licenses = p.Licenses
	}

	return &Package{
		Name: o.Name, Version: p.Version, Licenses: licenses, Homepage: p.Homepage, Upstream: p.Upstream,
		Description: o.Description, Variant: p.Variant, Shell: p.Shell, BuildPlatform: p.BuildPlatform,
		Dependencies: o.Runtime, Finalize: o.Finalize, Image: o.Image, NamePos: o.Pos,
	}
}

// positions gives what Package.Positions gives, of the outputs.
func (p *Package) outputPositions() []*Position {
	var all []*Position

	for i := range p.Outputs {
		o := &p.Outputs[i]
		all = append(all, &o.Pos)

		for j := range o.Runtime {
			all = append(all, &o.Runtime[j].Pos)
		}

		for j := range o.Finalize {
			all = append(all, &o.Finalize[j].Pos)
		}
	}

	return all
}
