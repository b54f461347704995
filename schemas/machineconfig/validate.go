package machineconfig

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// Mode is the kind of platform that a machine runs on; it decides what a
// configuration must say.
type Mode string

// The modes, as documented for `validate --mode`.
const (
	// ModeMetal is a machine with a disk of its own: install is required.
	ModeMetal Mode = "metal"
	// ModeCloud is an instance that starts from an installed image.
	ModeCloud Mode = "cloud"
	// ModeContainer is a container: no kernel, no disks.
	ModeContainer Mode = "container"
)

// Modes are the names of all modes.
func Modes() []string {
	return []string{string(ModeMetal), string(ModeCloud), string(ModeContainer)}
}

// ParseMode reads the name of a mode.
func ParseMode(name string) (Mode, error) {
	if slices.Contains(Modes(), name) {
		return Mode(name), nil
	}

	return "", fmt.Errorf("mode %q is not one of %s", name, strings.Join(Modes(), ", "))
}

// Validate checks the configuration for a machine of the given mode. The error
// is a [document.Errors] with every finding (at most document.MaxFindings),
// each at the key that it is about; a key that is missing is reported at the mapping that should have it.
//
// A configuration without a main document is checked for its other documents
// only: it adds to what a machine has.
func (c *Config) Validate(mode Mode) error {
	v := validator{config: c, mode: mode}

	if c.HasMain() {
		v.root = c.source.main
		v.main()
		v.machine()
		v.network()
		v.install()
		v.cluster()
		v.kubernetes()
		v.workerRules()
		v.kubeSpanRules()
	}

	v.documents()

	if err := v.errs.OrNil(); err != nil {
		return redact(v.errs)
	}

	return nil
}

type validator struct {
	config *Config
	mode   Mode
	root   *yaml.Node // of the document that is being checked
	prefix string     // of paths in messages
	errs   document.Errors
}

// path is a way through a document: keys and list indices.
type path []any

func (p path) String() string {
	var b strings.Builder

	for _, part := range p {
		switch part := part.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", part)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}

			fmt.Fprint(&b, part)
		}
	}

	return b.String()
}

func (p path) join(parts ...any) path {
	return append(slices.Clone(p), parts...)
}

// fail records a finding about the value at p, or about the nearest mapping
// above it that the text has.
func (v *validator) fail(p path, format string, args ...any) {
	v.hint(p, "", format, args...)
}

func (v *validator) hint(p path, hint, format string, args ...any) {
	if len(v.errs) >= document.MaxFindings {
		return // each costs time, and whoever sends a configuration may mean harm
	}

	name := v.prefix
	if len(p) > 0 {
		name += p.String() + ": "
	}

	e := document.At(v.config.source.file, v.config.source.data, v.find(p), "%s%s", name, fmt.Sprintf(format, args...))
	e.Hint = hint

	if e.File == "" {
		e.File = "configuration"
	}

	v.errs = append(v.errs, e)
}

func (v *validator) find(p path) *yaml.Node {
	at := v.root
	if at == nil {
		return nil
	}

	for _, part := range p {
		here := resolve(at)

		switch part := part.(type) {
		case int:
			if here.Kind != yaml.SequenceNode || part >= len(here.Content) {
				return at
			}

			at = here.Content[part]
		case string:
			key, value := lookup(here, part)

			switch {
			case key == nil:
				return at
			case value.Kind == yaml.ScalarNode:
				at = value
			default:
				// The key is where an eye looks for a mapping or a list.
				at = &yaml.Node{Kind: yaml.AliasNode, Alias: value, Line: key.Line, Column: key.Column}
			}
		}
	}

	return at
}

// oneOf checks an enumeration; an empty value means the default.
func (v *validator) oneOf(p path, value string, allowed ...string) {
	if value == "" || slices.Contains(allowed, value) {
		return
	}

	v.hint(p, document.Suggest(value, allowed), "%q is not one of %s", value, strings.Join(allowed, ", "))
}

func (v *validator) main() {
	if v.config.Version == "" {
		v.fail(nil, "the main document must say version: %s", v1alpha1.Version)

		return
	}

	v.required(path{"version"}, v.config.Version)
	v.oneOf(path{"version"}, v.config.Version, v1alpha1.Version)
}

func (v *validator) required(p path, value string) bool {
	if value == "" {
		v.fail(p, "required, but missing")
	}

	return value != ""
}
