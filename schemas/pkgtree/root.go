package pkgtree

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Format is the only format of package trees.
const Format = "v1alpha2"

// Names of the files of a tree.
const (
	// RootFile is the root document's name in trees written for bldr.
	RootFile = "Pkgfile"
	// PackageFile is the name of a recipe; at the root of a tree that has no
	// RootFile it is the root document.
	PackageFile = "pkg.yaml"
	// VarsFile holds template variables for its directory and all below it.
	VarsFile = "vars.yaml"
	// TemplateSuffix marks the files that are rendered into /pkg.
	TemplateSuffix = ".tmpl"
)

// Root is the document at the root of a tree.
type Root struct {
	// Format is the format of every document of the tree: "v1alpha2".
	Format string `yaml:"format"`
	// Vars are template variables for every recipe.
	Vars map[string]string `yaml:"vars,omitempty"`
	// Labels go on every image that the tree makes.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Epoch is the time that every file in the outputs gets, and
	// SOURCE_DATE_EPOCH of every step. Akmon's addition.
	Epoch *Epoch `yaml:"epoch,omitempty"`
	// Steps are steps that recipes begin theirs with, by name. Akmon's
	// addition.
	Steps map[string]Definition `yaml:"steps,omitempty"`
}

// UnmarshalYAML decodes and checks the document.
func (r *Root) UnmarshalYAML(n *yaml.Node) error {
	type plain Root

	c := decode(n, (*plain)(r))

	switch {
	case n.Kind != yaml.MappingNode:
	case c.has("name") && !c.has("format"):
		c.errs = nil
		c.fail(nil, "this is a recipe, but the document at the root of a tree must say `format: %s`; move it to a directory of its own", Format)
	case !c.has("format") && !c.has("vars") && !c.has("labels") && !c.has("epoch") && !c.misspelt("format"):
		c.errs = nil
		c.fail(nil, "this is not the root document of a package tree, which says `format: %s`", Format)
	case !c.has("format") && !c.misspelt("format"):
		c.fail(nil, "the root document must say `format: %s`", Format)
	case c.has("format"):
		c.oneOf("format", r.Format, Format)
	}

	if steps := deref(lookup(n, "steps")); steps != nil && steps.Kind == yaml.MappingNode {
		r.checkSteps(c, steps)
	}

	return c.err()
}

// checkSteps finds steps that no recipe could use.
func (r *Root) checkSteps(c *checker, steps *yaml.Node) {
	for i := 0; i+1 < len(steps.Content); i += 2 {
		key := steps.Content[i]

		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
		case !idPattern.MatchString(key.Value):
			c.errs = append(c.errs, findingAt(key, "%q is not the name of a step: use letters, digits and . _ -, and begin with a letter or a digit", key.Value))
		case r.Steps[key.Value].node == nil:
			c.errs = append(c.errs, findingAt(key, "the step %s is empty", key.Value))
		}
	}
}

// Epoch is a moment, written as whole seconds since 1970 (as
// SOURCE_DATE_EPOCH is), as a date (2006-01-02, midnight UTC), or as RFC 3339.
type Epoch struct {
	time.Time
}

// UnmarshalYAML decodes the epoch.
func (e *Epoch) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if seconds, err := strconv.ParseInt(n.Value, 10, 64); err == nil && seconds >= 0 && seconds < 1<<40 {
			e.Time = time.Unix(seconds, 0).UTC()

			return nil
		}

		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, err := time.Parse(layout, n.Value); err == nil && t.Unix() >= 0 {
				e.Time = t.UTC().Truncate(time.Second)

				return nil
			}
		}
	}

	if n.Kind != yaml.ScalarNode {
		return errors.New("a time is a single value: write seconds since 1970, a date such as 2026-01-31, or RFC 3339")
	}

	return fmt.Errorf("%q is not a time: write seconds since 1970, a date such as 2026-01-31, or RFC 3339", n.Value)
}
