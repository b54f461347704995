package pkgtree

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Variant is the base that a package builds on.
type Variant string

// The variants. Which one is meant when a recipe says nothing depends on the
// tree: alpine where the root document is a Pkgfile, scratch elsewhere.
const (
	Alpine  Variant = "alpine"
	Scratch Variant = "scratch"
)

// Package is one recipe.
type Package struct {
	// Name is unique in the tree; other packages refer to it by `stage`.
	Name string `yaml:"name"`
	// Version, Licenses (SPDX identifiers or expressions), Homepage and
	// Upstream (where newer versions appear, see forge/update) describe what
	// is packaged. They are Akmon's additions and feed image labels and the
	// SBOM.
	Version  string   `yaml:"version,omitempty"`
	Licenses []string `yaml:"licenses,omitempty"`
	Homepage string   `yaml:"homepage,omitempty"`
	Upstream string   `yaml:"upstream,omitempty"`
	// Description says in one line what the package is. Akmon's addition.
	Description string `yaml:"description,omitempty"`

	// Variant is the base; empty means the tree's default.
	Variant Variant `yaml:"variant,omitempty"`
	// Shell runs the instructions; empty means the tree's default.
	Shell string `yaml:"shell,omitempty"`
	// Install names the Alpine packages to add; for the alpine variant.
	Install []string `yaml:"install,omitempty"`
	// BuildPlatform makes the steps run on this platform whatever platform
	// the package is for (cross compilation); one of [Platforms].
	BuildPlatform string `yaml:"buildPlatform,omitempty"`

	Dependencies []Dependency `yaml:"dependencies,omitempty"`
	Steps        []Step       `yaml:"steps,omitempty"`
	Finalize     []Finalize   `yaml:"finalize,omitempty"`
	// Outputs are further packages that the steps make. Akmon's addition.
	Outputs []Output `yaml:"outputs,omitempty"`

	// Image configures the OCI image that the package becomes when it is
	// the target of a build. Akmon's addition.
	Image *Image `yaml:"image,omitempty"`

	// NamePos is where the name stands, InstallPos and StepsPos where those
	// lists begin.
	NamePos    Position `yaml:"-"`
	InstallPos Position `yaml:"-"`
	StepsPos   Position `yaml:"-"`
}

// Finalize copies a part of the built file system into the output. Both paths
// default to "/"; the copies are made in order, owned by root, with the
// tree's epoch as their time.
type Finalize struct {
	From string `yaml:"from,omitempty"`
	To   string `yaml:"to,omitempty"`

	Pos Position `yaml:"-"`
}

// Image is the configuration of an OCI image (image-spec v1.1, config.md).
type Image struct {
	Entrypoint []string          `yaml:"entrypoint,omitempty"`
	Cmd        []string          `yaml:"cmd,omitempty"`
	Env        map[string]string `yaml:"env,omitempty"`
	Labels     map[string]string `yaml:"labels,omitempty"`
	User       string            `yaml:"user,omitempty"`
	Workdir    string            `yaml:"workdir,omitempty"`
}

// namePattern keeps names usable as image names, labels and cache keys.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// UnmarshalYAML decodes and checks the recipe.
func (p *Package) UnmarshalYAML(n *yaml.Node) error {
	type plain Package

	c := decode(n, (*plain)(p))
	p.NamePos, p.InstallPos, p.StepsPos = valueAt(n, "name"), valueAt(n, "install"), valueAt(n, "steps")

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	c.noEmptyEntries("dependencies", "steps", "finalize", "outputs", "install", "licenses")
	c.packageName(p.Name, "the package")

	c.oneOf("variant", string(p.Variant), string(Alpine), string(Scratch))

	c.oneOf("buildPlatform", p.BuildPlatform, Platforms...)

	return c.err()
}

// packageName reports a name that no package may have, and the lack of one.
func (c *checker) packageName(name, of string) {
	switch {
	case name == "" && c.clean("name") && !c.misspelt("name"):
		c.fail([]string{"name"}, "%s has no name", of)
	case name != "" && !namePattern.MatchString(name):
		c.fail([]string{"name"}, "%q is not a package name: use letters, digits and . _ + -, and begin with a letter or a digit", name)
	}
}

// UnmarshalYAML decodes the copy and gives both paths their default.
func (f *Finalize) UnmarshalYAML(n *yaml.Node) error {
	type plain Finalize

	c := decode(n, (*plain)(f))
	f.Pos = at(n)

	if f.From == "" {
		f.From = "/"
	}

	if f.To == "" {
		f.To = "/"
	}

	return c.err()
}

// Positions gives every position that the recipe and its parts keep, so that
// a loader can translate them.
func (p *Package) Positions() []*Position {
	all := []*Position{&p.NamePos, &p.InstallPos, &p.StepsPos}

	for i := range p.Dependencies {
		all = append(all, &p.Dependencies[i].Pos)
	}

	for i := range p.Finalize {
		all = append(all, &p.Finalize[i].Pos)
	}

	all = append(all, p.outputPositions()...)

	for i := range p.Steps {
		step := &p.Steps[i]
		all = append(all, &step.Pos)

		for j := range step.Secrets {
			all = append(all, &step.Secrets[j].Pos)
		}

		for j := range step.SSH {
			all = append(all, &step.SSH[j].Pos)
		}

		for j := range step.Sources {
			all = append(all, &step.Sources[j].Pos)
		}

		for j := range step.Patches {
			all = append(all, &step.Patches[j].Pos)
		}

		for _, phase := range step.Phases() {
			for j := range phase.Instructions {
				all = append(all, &phase.Instructions[j].Pos, &phase.Instructions[j].End)
			}
		}
	}

	return all
}
