package pkgtree

import (
	"errors"
	"path"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Patch is one or more patch files (unified diffs) that are applied in the
// step's working directory when its prepare phase is done: exactly one of Path
// and Source. A text instead of a mapping is a Path. Akmon's addition.
type Patch struct {
	// Path is a file of the package directory, or a pattern (path.Match)
	// for several, which are applied in the order of their names.
	Path string `yaml:"path,omitempty"`
	// Source is a file in the working directory, put there by a source of
	// the step.
	Source string `yaml:"source,omitempty"`
	// Strip is how many leading parts of the file names in the patch are
	// left away, 1 when nothing is said.
	Strip *Strip `yaml:"strip,omitempty"`

	Pos Position `yaml:"-"`
}

// Strip is a number of leading parts of file names, from 0 to 99.
type Strip int

// StripLevel is Strip, or 1.
func (p *Patch) StripLevel() int {
	if p.Strip == nil {
		return 1
	}

	return int(*p.Strip)
}

// UnmarshalYAML decodes and checks the patch.
func (p *Patch) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = Patch{Path: n.Value}
	} else {
		type plain Patch

		if err := decode(n, (*plain)(p)).err(); err != nil {
			return err
		}
	}

	c := &checker{node: n}
	p.Pos = valueAt(n, "path", "source")

	switch {
	case (p.Path == "") == (p.Source == ""):
		c.fail([]string{"path", "source"}, "a patch is a file of the package directory (path) or of a source (source)")
	case path.IsAbs(p.Path) || escapes(p.Path):
		c.fail([]string{"path"}, "patch %q is not in the package directory", p.Path)
	case escapes(p.Source):
		c.fail([]string{"source"}, "patch %q leads out of the step's directory", p.Source)
	default:
		if _, err := path.Match(p.Path, ""); err != nil {
			c.fail([]string{"path"}, "%q is not a pattern: a bracket is not closed, or a backslash escapes nothing", p.Path)
		}
	}

	return c.err()
}

// UnmarshalYAML decodes the number.
func (s *Strip) UnmarshalYAML(n *yaml.Node) error {
	value, err := strconv.ParseUint(n.Value, 10, 8)
	if n.Kind != yaml.ScalarNode || err != nil || value > 99 {
		return errors.New("strip must be a number from 0 to 99")
	}

	*s = Strip(value)

	return nil
}
