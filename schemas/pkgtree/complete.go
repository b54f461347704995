package pkgtree

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Completion is what a recipe must know of its tree before it can be decoded.
type Completion struct {
	// Steps are those of the root document.
	Steps map[string]Definition
	// Arch is the architecture that the package is for, one of
	// [Architectures].
	Arch string
	// Render renders a text of a definition with the recipe's variables and
	// the given ones.
	Render func(text string, parameters map[string]string) (string, error)

	nodes, text int
	done        map[*yaml.Node]bool
	errs        document.Errors
	missing     document.Errors
}

// maxText bounds what the definitions that a recipe uses render to, in bytes.
const maxText = 4 << 20

// Complete puts the definitions that a recipe uses in their place, and the
// values for the architecture in that of those for each. It changes the nodes,
// which then decode into a [Package]; those that come from the root document
// have [RootLines] added to their lines.
//
// Missing are findings about values that there are not for the architecture:
// the package can't be built for it, which matters only to who wants that. What
// has no value is taken out. A Completion is for one recipe.
func (c *Completion) Complete(recipe *yaml.Node) (missing, wrong document.Errors) {
	c.done = map[*yaml.Node]bool{}

	for _, step := range entries(lookup(recipe, "steps")) {
		if step.Kind != yaml.MappingNode || c.done[step] {
			continue
		}

		c.done[step] = true

		if use := lookup(step, "use"); use != nil {
			c.use(step, deref(use))
		}

		c.architecture(step)
	}

	return c.missing, c.errs
}

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}

	return n
}

// entries gives the entries of a list; none of what is not a list.
func entries(n *yaml.Node) []*yaml.Node {
	n = deref(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}

	all := make([]*yaml.Node, len(n.Content))
	for i, entry := range n.Content {
		all[i] = deref(entry)
	}

	return all
}

// findingAt is a finding at a node.
func findingAt(n *yaml.Node, format string, args ...any) *document.Error {
	return &document.Error{Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)}
}

func (c *Completion) fail(n *yaml.Node, hint, format string, args ...any) {
	e := findingAt(n, format, args...)
	e.Hint = hint
	c.errs = append(c.errs, e)
}

// use puts the definition that a step names under it.
func (c *Completion) use(step, use *yaml.Node) {
	definition, defined := c.Steps[use.Value]

	switch {
	case use.Kind != yaml.ScalarNode || use.Value == "":
		return // the decoder knows what is wrong
	case !defined:
		names := slices.Sorted(maps.Keys(c.Steps))

		hint := document.Suggest(use.Value, names)
		if hint == "" && len(names) > 0 {
			hint = "there are " + strings.Join(names, ", ")
		}

		c.fail(use, hint, "the root document defines no step %q", use.Value)

		return
	}

	parameters, ok := c.parameters(step, use, definition)
	if !ok || definition.node == nil {
		return
	}

	node, err := c.instance(definition.node, parameters)
	if err != nil {
		c.fail(use, "", "step %s: %v", use.Value, err)
	} else if node.Kind == yaml.MappingNode {
		under(step, node)
	}
}

// parameters gives what `with` says, and the defaults of what it does not.
func (c *Completion) parameters(step, use *yaml.Node, definition Definition) (map[string]string, bool) {
	given := map[string]string{}
	known := slices.Sorted(maps.Keys(definition.Parameters))
	before := len(c.errs)

	if with := deref(lookup(step, "with")); with != nil && with.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(with.Content); i += 2 {
			key, value := with.Content[i], deref(with.Content[i+1])

			switch {
			case !slices.Contains(known, key.Value):
				c.fail(key, document.Suggest(key.Value, known), "%q is not a parameter of %s", key.Value, use.Value)
			case value.Kind == yaml.ScalarNode:
				given[key.Value] = value.Value
			}
		}
	}

	for _, name := range known {
		_, ok := given[name]
		value := definition.Parameters[name]

		switch {
		case ok:
		case value == nil:
			c.fail(use, "", "parameter %s of %s is not given", name, use.Value)
		default:
			text, err := c.render(*value, nil)
			if err != nil {
				c.fail(use, "", "parameter %s of %s: %v", name, use.Value, err)
			}

			given[name] = text
		}
	}

	return given, len(c.errs) == before
}

var errTooLarge = errors.New("what the recipe uses is too large")

func (c *Completion) render(text string, parameters map[string]string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}

	text, err := c.Render(text, parameters)
	if err != nil {
		return "", err
	}

	if c.text += len(text); c.text > maxText {
		return "", errTooLarge
	}

	return text, nil
}

// instance copies a definition with its templates rendered. Lines are those of
// the root document.
func (c *Completion) instance(n *yaml.Node, parameters map[string]string) (*yaml.Node, error) {
	if c.nodes++; c.nodes > document.MaxNodes {
		return nil, errTooLarge
	}

	made := *n
	made.Line += RootLines

	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "{{") {
		text, err := c.render(n.Value, parameters)
		if err != nil {
			return nil, fmt.Errorf("line %d of the root document: %w", n.Line, err)
		}

		made.Value, made.Tag = text, "!!str"
	}

	made.Content = make([]*yaml.Node, len(n.Content))

	for i, child := range n.Content {
		var err error
		if made.Content[i], err = c.instance(child, parameters); err != nil {
			return nil, err
		}
	}

	return &made, nil
}
