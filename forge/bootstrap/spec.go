package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/bootstrap/layer"
	"github.com/akmon-os/akmon/schemas/document"
)

// Format is the version of both documents.
const Format = "v1alpha1"

// Auto is the snapshot that means: what the suites hold now.
const Auto = "auto"

// Spec is a debian.yaml: what the userland shall hold. The package comment
// documents it.
type Spec struct {
	Format        string      `yaml:"format"`
	Suites        []yaml.Node `yaml:"suites"`
	Components    []string    `yaml:"components,omitempty"`
	Snapshot      yaml.Node   `yaml:"snapshot,omitempty"`
	Architectures []yaml.Node `yaml:"architectures"`
	Packages      []Wanted    `yaml:"packages"`
	Without       []yaml.Node `yaml:"without,omitempty"`
	Layout        `yaml:",inline"`

	file string
	data []byte
}

// Layout is what is done with the files of the packages. The lock repeats it.
type Layout struct {
	Exclude []layer.Pattern `yaml:"exclude,omitempty"`
	Links   map[Path]string `yaml:"links,omitempty"`
	Files   map[Path]File   `yaml:"files,omitempty"`
}

// Wanted is a package that the userland shall have.
type Wanted struct {
	Name          string   // without an architecture
	Arch          string   // the architecture after a colon; usually empty: the userland's
	Architectures []string // userlands that it is for; empty means all
	Alone         bool     // without what it depends on

	node *yaml.Node
}

type wantedYAML struct {
	Name          string   `yaml:"name"`
	Architectures []string `yaml:"architectures"`
	Depends       *bool    `yaml:"depends"`
}

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`) // Debian Policy 5.6.1
	archName    = regexp.MustCompile(`^[a-z0-9]+$`)
	suiteName   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	timestamp   = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z$`)
)

// UnmarshalYAML reads a name, or a mapping with name, architectures, depends.
func (w *Wanted) UnmarshalYAML(n *yaml.Node) error {
	long := wantedYAML{Name: n.Value}

	if n.Kind != yaml.ScalarNode {
		if err := document.DecodeNode("", nil, n, &long); err != nil {
			return err
		}
	}

	*w = Wanted{Architectures: long.Architectures, node: n}

	var colon bool

	w.Name, w.Arch, colon = strings.Cut(long.Name, ":")
	w.Alone = long.Depends != nil && !*long.Depends

	switch {
	case w.Name == "":
		return errors.New("the package has no name")
	case !packageName.MatchString(w.Name):
		return &document.Error{
			Line: n.Line, Column: n.Column, Message: fmt.Sprintf("%q is not the name of a package", w.Name), Hint: nameHint(w.Name, packageName),
		}
	case colon && !archName.MatchString(w.Arch):
		return fmt.Errorf("%q is not an architecture", w.Arch)
	case colon && !w.Alone:
		return errors.New("a package of a named architecture needs \"depends: false\"")
	}

	return nil
}

// forArch tells whether the package belongs in that userland.
func (w Wanted) forArch(arch string) bool {
	return len(w.Architectures) == 0 || slices.Contains(w.Architectures, arch)
}

// String is the name with its architecture, if it has one.
func (w Wanted) String() string {
	if w.Arch != "" {
		return w.Name + ":" + w.Arch
	}

	return w.Name
}

// Path is an absolute path in the userland.
type Path string

// UnmarshalText checks that the path is absolute and clean.
func (p *Path) UnmarshalText(text []byte) error {
	name, ok := strings.CutPrefix(string(text), "/")
	if !ok || name == "." || !fs.ValidPath(name) {
		return fmt.Errorf("%q is not an absolute path without . and .. elements", text)
	}

	*p = Path(text)

	return nil
}

// File is a small file to add to the userland, owned by root.
type File struct {
	Content string `yaml:"content"`
	Mode    Mode   `yaml:"mode,omitempty"`
}

// Mode is permission bits; zero stands for 0644.
type Mode uint16

// UnmarshalText reads an octal number.
func (m *Mode) UnmarshalText(text []byte) error {
	var n uint32
	if _, err := fmt.Sscanf(strings.TrimPrefix(string(text), "0o")+" ", "%o ", &n); err != nil || n > 0o7777 || n == 0 {
		return fmt.Errorf("%q is not a mode such as 0644", text)
	}

	*m = Mode(n)

	return nil
}

// MarshalYAML writes the mode in octal.
func (m Mode) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprintf("%04o", m)}, nil
}

// LoadSpec reads a debian.yaml.
func LoadSpec(path string) (*Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load bootstrap packages: %w", err)
	}

	return ParseSpec(path, data)
}

// ParseSpec reads a debian.yaml; file is its name in messages. The error is a
// document.Errors with every finding.
func ParseSpec(file string, data []byte) (*Spec, error) {
	s := &Spec{file: file, data: data}
	if err := document.Decode(file, data, s); err != nil {
		return nil, err
	}

	f := &findings{file: file, data: data}
	f.format(s.Format)

	for _, list := range []struct {
		key     string
		entries int
	}{{"suites", len(s.Suites)}, {"architectures", len(s.Architectures)}, {"packages", len(s.Packages)}} {
		if list.entries == 0 {
			f.at([]string{list.key}, "", "%s must name at least one", list.key)
		}
	}

	if len(s.Components) == 0 {
		s.Components = []string{"main"}
	}

	if s.Snapshot.Kind == 0 || s.Snapshot.Tag == "!!null" {
		s.Snapshot = yaml.Node{Kind: yaml.ScalarNode, Value: Auto}
	}

	if v := s.Snapshot.Value; v != Auto && !timestamp.MatchString(v) {
		f.node(&s.Snapshot, document.Suggest(v, []string{Auto}), "snapshot must be auto or a time like 20260913T000000Z, not %q", v)
	}

	f.layout(&s.Layout)
	f.list("suites", s.Suites, suiteName, "a suite")
	f.list("architectures", s.Architectures, archName, "an architecture")
	f.list("without", s.Without, packageName, "the name of a package")
	f.packages(s)

	if err := f.errs.OrNil(); err != nil {
		return nil, err
	}

	return s, nil
}

// packages checks the wanted packages among each other.
func (f *findings) packages(s *Spec) {
	archs := values(s.Architectures)
	slices.Sort(archs)
	archs = slices.Compact(archs)
	sound := len(f.errs) == 0
	seen := map[string]bool{}

	for i := range s.Packages {
		w := &s.Packages[i]

		if w.Name == "" {
			f.at([]string{"packages", strconv.Itoa(i)}, "remove it", "this entry of packages is empty")
		}

		for _, arch := range w.Architectures {
			if sound && !slices.Contains(archs, arch) {
				f.node(w.node, document.Suggest(arch, archs), "%s is for the architecture %s, which is not listed under architectures", w, arch)
			}
		}

		for _, arch := range archs {
			if key := w.String() + " " + arch; w.forArch(arch) {
				if seen[key] {
					f.node(w.node, "", "%s is listed twice for %s", w, arch)
				}

				seen[key] = true
			}
		}
	}
}

func (f *findings) list(key string, nodes []yaml.Node, form *regexp.Regexp, what string) {
	seen := map[string]bool{}

	for i := range nodes {
		n := &nodes[i]

		switch {
		case n.Kind == 0 || n.Tag == "!!null":
			f.at([]string{key, strconv.Itoa(i)}, "remove it", "this entry of %s is empty", key)
		case n.Kind != yaml.ScalarNode:
			f.node(n, "", "%s must be a text", what)
		case !form.MatchString(n.Value):
			f.node(n, nameHint(n.Value, form), "%q is not %s", n.Value, what)
		case seen[n.Value]:
			f.node(n, "", "%s is listed twice", n.Value)
		}

		seen[n.Value] = true
	}
}

// nameHint gives the name that is in a text which is none.
func nameHint(text string, form *regexp.Regexp) string {
	name := strings.ToLower(strings.TrimPrefix(text, "linux/"))

	if before, _, found := strings.Cut(name, "="); found {
		name = before
	}

	if !form.MatchString(name) {
		return ""
	}

	return fmt.Sprintf("did you mean %q?", name)
}

func values(nodes []yaml.Node) []string {
	list := make([]string, len(nodes))
	for i, n := range nodes {
		list[i] = n.Value
	}

	return list
}
