package pkgtree

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Architectures are the keys of a value that differs between architectures, as
// Go calls them: those of [Platforms].
var Architectures = []string{"amd64", "arm64", "armv7", "riscv64"}

// architecture chooses among the values of a step's sources and environment
// those that are for the architecture.
func (c *Completion) architecture(step *yaml.Node) {
	sources := deref(lookup(step, "sources"))

	var none []*yaml.Node

	for _, source := range entries(sources) {
		if source.Kind == yaml.MappingNode && !c.done[source] {
			c.done[source] = true

			if c.source(source) {
				none = append(none, source)
			}
		}
	}

	if len(none) > 0 {
		sources.Content = slices.DeleteFunc(sources.Content, func(n *yaml.Node) bool { return slices.Contains(none, deref(n)) })
	}

	c.environment(deref(lookup(step, "env")))
}

// source chooses the values of a source; true says that one is missing.
func (c *Completion) source(source *yaml.Node) bool {
	missing := false

	for i := 0; i+1 < len(source.Content); i += 2 {
		key, value := source.Content[i], deref(source.Content[i+1])
		if !byArchitecture(value) {
			continue
		}

		chosen := c.choose(value)
		if chosen == nil {
			missing = true
			c.missing = append(c.missing, findingAt(value, "%s has no value for %s", key.Value, c.Arch))

			continue
		}

		source.Content[i+1] = chosen
	}

	return missing
}

// environment chooses the values of variables; one that has none for the
// architecture is not set.
func (c *Completion) environment(env *yaml.Node) {
	if env == nil || c.done[env] {
		return
	}

	c.done[env] = true

	if env.Kind == yaml.SequenceNode { // of a merge key
		for _, entry := range entries(env) {
			c.environment(entry)
		}
	}

	if env.Kind != yaml.MappingNode {
		return
	}

	var kept []*yaml.Node

	for i := 0; i+1 < len(env.Content); i += 2 {
		key, value := env.Content[i], env.Content[i+1]

		switch target := deref(value); {
		case key.Tag == "!!merge":
			c.environment(target)
		case byArchitecture(target):
			if value = c.choose(target); value == nil {
				continue
			}
		}

		kept = append(kept, key, value)
	}

	env.Content = kept
}

// byArchitecture tells whether a value is a mapping that names an architecture.
func byArchitecture(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}

	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(Architectures, n.Content[i].Value) {
			return true
		}
	}

	return false
}

// choose gives the value for the architecture, nil when there is none.
func (c *Completion) choose(n *yaml.Node) *yaml.Node {
	values := map[string]*yaml.Node{}

	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]

		switch {
		case !slices.Contains(Architectures, key.Value):
			hint := document.Suggest(key.Value, Architectures)
			if hint == "" {
				hint = "known are " + strings.Join(Architectures, ", ")
			}

			c.fail(key, hint, "%q is not an architecture", key.Value)
		case values[key.Value] != nil:
			c.fail(key, "", "the value for %s is given twice", key.Value)
		default:
			values[key.Value] = n.Content[i+1]
		}
	}

	return values[c.Arch]
}

// OtherArchitectures gives the architectures besides one that values of a
// recipe name, before it is completed.
func OtherArchitectures(recipe *yaml.Node, arch string) []string {
	found := map[string]bool{}

	var visit func(n *yaml.Node)

	visit = func(n *yaml.Node) {
		if byArchitecture(n) {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if key := n.Content[i].Value; key != arch && slices.Contains(Architectures, key) {
					found[key] = true
				}
			}
		}

		for _, child := range n.Content {
			visit(child)
		}
	}

	visit(recipe)

	return slices.Sorted(maps.Keys(found))
}
