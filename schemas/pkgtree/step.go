package pkgtree

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Network is what a step may reach.
type Network string

// The network modes. An empty one means none.
const (
	NetworkNone    Network = "none"
	NetworkDefault Network = "default"
	NetworkHost    Network = "host"
)

// DefaultTmpDir is the working directory of steps that name none.
const DefaultTmpDir = "/tmp/build"

// Step is one stage of a build. Its phases run in the order prepare, build,
// install, test; what test leaves behind is thrown away.
type Step struct {
	// Use names a reusable step of the root document that this one begins
	// with, With gives its parameters: see [Definition]. Akmon's additions.
	Use  string            `yaml:"use,omitempty"`
	With map[string]string `yaml:"with,omitempty"`

	Sources []Source `yaml:"sources,omitempty"`
	// Env is set in this step and the steps after it.
	Env map[string]string `yaml:"env,omitempty"`
	// CachePaths are directories that survive from build to build.
	CachePaths []string `yaml:"cachePaths,omitempty"`
	// Network is none unless the step says otherwise.
	Network Network `yaml:"network,omitempty"`
	// TmpDir is the working directory, where the sources are;
	// [DefaultTmpDir] when empty.
	TmpDir string `yaml:"tmpDir,omitempty"`
	// Secrets and SSH are what the step may ask of who builds. Akmon's
	// additions.
	Secrets []Secret `yaml:"secrets,omitempty"`
	SSH     []SSH    `yaml:"ssh,omitempty"`

	Prepare []Instruction `yaml:"prepare,omitempty"`
	Build   []Instruction `yaml:"build,omitempty"`
	Install []Instruction `yaml:"install,omitempty"`
	Test    []Instruction `yaml:"test,omitempty"`

	// Patches are applied in order when the prepare phase is done. Akmon's
	// addition.
	Patches []Patch `yaml:"patches,omitempty"`

	// SBOM writes an SPDX document about the package into the build.
	SBOM *SBOM `yaml:"sbom,omitempty"`

	Pos Position `yaml:"-"`
}

// Instruction is one shell script; it runs in a shell of its own.
type Instruction struct {
	Script string

	// Pos is where the script begins, End its last line.
	Pos, End Position
}

// SBOM describes the package in the SPDX document that is written to
// OutputPath. Name, Version and Licenses default to the package's.
type SBOM struct {
	OutputPath string   `yaml:"outputPath"`
	Name       string   `yaml:"name,omitempty"`
	Version    string   `yaml:"version,omitempty"`
	CPEs       []string `yaml:"cpes,omitempty"`
	PURL       string   `yaml:"purl,omitempty"`
	Licenses   []string `yaml:"licenses,omitempty"`
	// CustomLicenses are licences that SPDX has no identifier for, besides
	// those of Licenses.
	CustomLicenses []CustomLicense `yaml:"customLicenses,omitempty"`
}

// Phase is a named list of instructions of a step.
type Phase struct {
	Name         string
	Instructions []Instruction
	// Detached phases leave nothing behind.
	Detached bool
}

// Phases gives the phases in the order in which they run.
func (s *Step) Phases() []Phase {
	return []Phase{
		{Name: "prepare", Instructions: s.Prepare},
		{Name: "build", Instructions: s.Build},
		{Name: "install", Instructions: s.Install},
		{Name: "test", Instructions: s.Test, Detached: true},
	}
}

// Dir is the step's working directory.
func (s *Step) Dir() string {
	if s.TmpDir == "" {
		return DefaultTmpDir
	}

	return rooted(s.TmpDir)
}

// UnmarshalYAML decodes and checks the step.
func (s *Step) UnmarshalYAML(n *yaml.Node) error {
	type plain Step

	c := decode(n, (*plain)(s))
	s.Pos = at(n)

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	c.noEmptyEntries("sources", "patches", "secrets", "prepare", "build", "install", "test")

	if s.Use == "" && c.has("with") {
		c.fail([]string{"with"}, "with gives the parameters of the step that use names")
	}

	c.oneOf("network", string(s.Network), string(NetworkNone), string(NetworkDefault), string(NetworkHost))

	for i, p := range s.CachePaths {
		if !path.IsAbs(p) || path.Clean(p) == "/" {
			c.failEntry("cachePaths", i, "cachePaths[%d]: %q is not an absolute path below /", i, p)
		}
	}

	if s.TmpDir != "" && (!path.IsAbs(s.TmpDir) || path.Clean(s.TmpDir) == "/") {
		c.fail([]string{"tmpDir"}, "tmpDir: %q is not an absolute path below /", s.TmpDir)
	}

	for _, key := range slices.Sorted(maps.Keys(s.Env)) {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			c.failAt(c.keyOf("env", key), "", "%q cannot be the name of an environment variable", key)
		}
	}

	return c.err()
}

// UnmarshalYAML decodes the script and notes how far it reaches.
func (i *Instruction) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
			return errors.New("an instruction is a text, and a colon with a space makes this a mapping; quote it or write it as a block (|)")
		}

		return errors.New("an instruction is a text; quote it or write it as a block (|)")
	}

	i.Script = n.Value
	i.Pos = at(n)
	i.End = i.Pos

	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		i.End.Line += strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
	}

	return nil
}
