package pkgtree

import (
	"path"

	"go.yaml.in/yaml/v3"
)

// Dependency is something whose files are put into the build: exactly one of
// Stage, Image and Debian.
type Dependency struct {
	// Stage is the name of another package of the tree.
	Stage string `yaml:"stage,omitempty"`
	// Image is a reference to an OCI image in a registry.
	Image string `yaml:"image,omitempty"`
	// Debian is the lock file, relative to the package directory, that pins
	// the Debian packages which are assembled into a root file system.
	// Akmon's addition.
	Debian string `yaml:"debian,omitempty"`

	// From and To are the paths to copy from and to; both default to "/".
	From string `yaml:"from,omitempty"`
	To   string `yaml:"to,omitempty"`
	// Platform takes the dependency for another platform, one of [Platforms].
	Platform string `yaml:"platform,omitempty"`
	// Runtime makes whatever depends on this package get the dependency too,
	// and its runtime dependencies in turn.
	Runtime bool `yaml:"runtime,omitempty"`

	// Pos is where the stage, image or lock file is named.
	Pos Position `yaml:"-"`
}

// Platforms are the platforms that a recipe may name.
var Platforms = []string{"linux/amd64", "linux/arm64", "linux/armv7", "linux/riscv64"}

var dependencyKinds = []string{"stage", "image", "debian"}

// UnmarshalYAML decodes and checks the dependency.
func (d *Dependency) UnmarshalYAML(n *yaml.Node) error {
	type plain Dependency

	c := decode(n, (*plain)(d))
	d.Pos = valueAt(n, dependencyKinds...)

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	given := 0

	for _, value := range []string{d.Stage, d.Image, d.Debian} {
		if value != "" {
			given++
		}
	}

	switch {
	case given == 0 && len(c.errs) == 0:
		c.fail(dependencyKinds, "a dependency must name a stage, an image or a debian lock file")
	case given > 1:
		c.fail(dependencyKinds, "a dependency names one stage, image or debian lock file, not several")
	}

	c.oneOf("platform", d.Platform, Platforms...)

	return c.err()
}

// Source is the path to copy from.
func (d *Dependency) Source() string { return rooted(d.From) }

// Target is the path to copy to.
func (d *Dependency) Target() string { return rooted(d.To) }

// rooted is the clean absolute form of a path in a build's file system.
func rooted(p string) string { return path.Join("/", p) }
