package pkgtree

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Definition is a step that the root document defines for recipes to use. Its
// texts are templates that see the variables of the recipe that uses it, and
// its parameters. Akmon's addition.
type Definition struct {
	// Parameters are template variables that a recipe gives by `with`; the
	// value, itself a template, is what they are when it does not. Those
	// without a value must be given.
	Parameters map[string]*string `yaml:"parameters,omitempty"`

	Step Step `yaml:",inline"`

	// node is the step as written, without the parameters.
	node *yaml.Node
}

var parameterPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// UnmarshalYAML decodes the definition and checks what does not depend on its
// templates.
func (d *Definition) UnmarshalYAML(n *yaml.Node) error {
	d.node = clone(n)

	if n.Kind != yaml.MappingNode {
		return decode(n, &d.Step).err()
	}

	parameters := take(d.node, "parameters")
	c := d.decode(Architectures[0], &d.Step)

	for _, arch := range OtherArchitectures(d.node, Architectures[0]) {
		for _, e := range d.decode(arch, &Step{}).errs {
			if !slices.ContainsFunc(c.errs, func(known *document.Error) bool { return *known == *e }) {
				c.errs = append(c.errs, e)
			}
		}
	}

	if parameters != nil {
		c.errs = append(c.errs, decode(parameters, &d.Parameters).errs...)
	}

	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		if !parameterPattern.MatchString(name) {
			c.errs = append(c.errs, findingAt(parameters, "%q is not the name of a parameter: use letters, digits and _", name))
		}
	}

	if d.Step.Use != "" {
		c.fail([]string{"use"}, "a reusable step cannot use another one")
	}

	return c.err()
}

// decode decodes the step for an architecture.
func (d *Definition) decode(arch string, into *Step) *checker {
	completion := Completion{Arch: arch, done: map[*yaml.Node]bool{}}
	node := clone(d.node)
	completion.architecture(node)

	c := decode(node, into)
	c.errs = append(completion.errs, slices.DeleteFunc(c.errs, func(e *document.Error) bool { return templated(d.node, e) })...)

	return c
}

// templated tells whether a finding is about a text that is known only when a
// recipe uses the step.
func templated(n *yaml.Node, e *document.Error) bool {
	if n.Kind == yaml.ScalarNode {
		return n.Line == e.Line && n.Column == e.Column && strings.Contains(n.Value, "{{")
	}

	return slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return templated(child, e) })
}

// clone copies a node and all below it; aliases become what they stand for.
func clone(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}

	c := *n
	c.Anchor, c.Alias = "", nil
	c.Content = make([]*yaml.Node, len(n.Content))

	for i, child := range n.Content {
		c.Content[i] = clone(child)
	}

	return &c
}

// take removes a key from a mapping and gives its value.
func take(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			value := n.Content[i+1]
			n.Content = slices.Delete(n.Content, i, i+2)

			return value
		}
	}

	return nil
}

// under merges what a definition says under what a step says: lists are those
// of the definition and then those of the step, in mappings and elsewhere the
// step has the last word.
func under(step, definition *yaml.Node) {
	var merged []*yaml.Node

	for i := 0; i+1 < len(definition.Content); i += 2 {
		key, value := definition.Content[i], definition.Content[i+1]
		own := take(step, key.Value)

		switch {
		case own == nil || own.Tag == "!!null":
			own = value
		case own.Kind == yaml.AliasNode:
			own = clone(own)

			fallthrough
		default:
			switch {
			case own.Kind == yaml.SequenceNode && value.Kind == yaml.SequenceNode:
				own.Content = append(slices.Clone(value.Content), own.Content...)
			case own.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
				under(own, value)
			}
		}

		merged = append(merged, key, own)
	}

	step.Content = append(merged, step.Content...)
}
