package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
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

// validate finds what the types of the fields let through: empty values.
func (l *Layout) validate() error {
	for _, p := range l.Exclude {
		if p.String() == "" {
			return errors.New("exclude has an empty pattern")
		}
	}

	for _, path := range sortedPaths(l.Links) {
		if path == "" || l.Links[path] == "" {
			return fmt.Errorf("links: %q leads to %q", path, l.Links[path])
		}
	}

	if _, ok := l.Files[""]; ok {
		return errors.New("files has an empty path")
	}

	return nil
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
	case !packageName.MatchString(w.Name):
		return fmt.Errorf("%q is not the name of a package", w.Name)
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

	var errs document.Errors

	fail := func(n *yaml.Node, format string, args ...any) {
		errs = append(errs, document.At(file, data, n, format, args...))
	}

	if s.Format != Format {
		fail(nil, "format is %q, this program knows %s", s.Format, Format)
	}

	if len(s.Suites) == 0 || len(s.Architectures) == 0 || len(s.Packages) == 0 {
		fail(nil, "suites, architectures and packages are needed")
	}

	if len(s.Components) == 0 {
		s.Components = []string{"main"}
	}

	if s.Snapshot.Value == "" {
		s.Snapshot.Value = Auto
	}

	if v := s.Snapshot.Value; v != Auto && !timestamp.MatchString(v) {
		fail(&s.Snapshot, "snapshot is %q, want auto or a time like 20260913T000000Z", v)
	}

	if err := s.Layout.validate(); err != nil {
		fail(nil, "%v", err)
	}

	checkList(s.Suites, suiteName, "a suite", fail)
	checkList(s.Architectures, archName, "an architecture", fail)
	checkList(s.Without, packageName, "the name of a package", fail)

	archs := values(s.Architectures)
	seen := map[string]bool{}

	for i := range s.Packages {
		w := &s.Packages[i]

		if w.Name == "" {
			fail(nil, "packages has an empty item, number %d", i+1)
		}

		for _, arch := range w.Architectures {
			if !slices.Contains(archs, arch) {
				fail(w.node, "%s is for the architecture %s, which is not listed under architectures", w, arch)
			}
		}

		for _, arch := range archs {
			if key := w.String() + " " + arch; w.forArch(arch) {
				if seen[key] {
					fail(w.node, "%s is listed twice for %s", w, arch)
				}

				seen[key] = true
			}
		}
	}

	if err := errs.OrNil(); err != nil {
		return nil, err
	}

	return s, nil
}

func checkList(nodes []yaml.Node, form *regexp.Regexp, what string, fail func(*yaml.Node, string, ...any)) {
	seen := map[string]bool{}

	for i := range nodes {
		n := &nodes[i]

		switch {
		case n.Kind != yaml.ScalarNode || !form.MatchString(n.Value):
			fail(n, "%q is not %s", n.Value, what)
		case seen[n.Value]:
			fail(n, "%s is listed twice", n.Value)
		}

		seen[n.Value] = true
	}
}

func values(nodes []yaml.Node) []string {
	list := make([]string, len(nodes))
	for i, n := range nodes {
		list[i] = n.Value
	}

	return list
}
