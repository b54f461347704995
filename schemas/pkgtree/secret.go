package pkgtree

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Secret is something that a step may read, but that is in no layer and no
// cache key: who builds gives it, under its ID. Akmon's addition.
type Secret struct {
	// ID is how who builds calls it.
	ID string `yaml:"id"`
	// Target is the file that has it, [SecretsDir]/ID unless given. Env is
	// the environment variable that has it instead.
	Target string `yaml:"target,omitempty"`
	Env    string `yaml:"env,omitempty"`
	// Required is false for what the step can do without.
	Required *bool `yaml:"required,omitempty"`

	// Pos is where the ID stands.
	Pos Position `yaml:"-"`
}

// SecretsDir holds the secrets that name no place of their own.
const SecretsDir = "/run/secrets"

// idPattern keeps IDs usable as file names and on a command line.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// File is the path of the file that has the secret, "" for one that is in the
// environment.
func (s *Secret) File() string {
	switch {
	case s.Env != "":
		return ""
	case s.Target != "":
		return rooted(s.Target)
	default:
		return path.Join(SecretsDir, s.ID)
	}
}

// Optional tells whether the step can do without the secret.
func (s *Secret) Optional() bool { return s.Required != nil && !*s.Required }

// UnmarshalYAML decodes and checks the secret.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	type plain Secret

	c := decode(n, (*plain)(s))
	s.Pos = valueAt(n, "id")

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	switch {
	case s.ID == "" && c.clean("id"):
		c.fail([]string{"id"}, "the secret has no id")
	case s.ID != "" && !idPattern.MatchString(s.ID):
		c.fail([]string{"id"}, "%q is not an id: use letters, digits and . _ -, and begin with a letter or a digit", s.ID)
	}

	switch {
	case s.Target != "" && s.Env != "":
		c.fail([]string{"env"}, "the secret is a file (target) or a variable (env), not both")
	case s.Target != "" && (!path.IsAbs(s.Target) || path.Clean(s.Target) == "/"):
		c.fail([]string{"target"}, "target: %q is not an absolute path below /", s.Target)
	case strings.ContainsAny(s.Env, "=\x00"):
		c.fail([]string{"env"}, "%q cannot be the name of an environment variable", s.Env)
	}

	return c.err()
}

// SSH is the ID of an SSH agent of who builds that a step may ask. Akmon's
// addition.
type SSH struct {
	ID string

	Pos Position
}

// Socket is where the step finds the agent.
func (s SSH) Socket() string { return path.Join("/run/ssh", s.ID) }

// UnmarshalYAML decodes and checks the ID.
func (s *SSH) UnmarshalYAML(n *yaml.Node) error {
	s.ID, s.Pos = n.Value, at(n)

	if n.Kind != yaml.ScalarNode || !idPattern.MatchString(s.ID) {
		return errors.New("ssh lists the ids of agents, such as default")
	}

	return nil
}
