package document

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// coreTags are the tags that a single value may carry (YAML 1.2.2, 10.3).
var coreTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp"}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		if strings.Contains(n.Value, "\n") {
			return "a text of several lines"
		}

		return fmt.Sprintf("the single value %q", n.Value)
	}
}

func typeName(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a positive integer"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	default:
		return "a " + v.Type().String()
	}
}

// listHint says how a value becomes a list of what t is.
func listHint(n *yaml.Node, t reflect.Type) string {
	switch {
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0:
		return "begin its entries with a dash"
	case n.Kind != yaml.ScalarNode || !isText(t):
		return ""
	case strings.Contains(n.Value, "\n"):
		return "begin it with a dash on a line of its own"
	case strings.HasPrefix(n.Value, "-") && !strings.HasPrefix(n.Value, "--"):
		return "a dash that begins an entry needs a space after it"
	case strings.ContainsAny(n.Value, `,[]{}#"'`) || strings.IndexAny(n.Value, "*&!|>%@`?") == 0 || strings.Contains(n.Value, ": "):
		return fmt.Sprintf("write [%q]", n.Value)
	default:
		return fmt.Sprintf("write [%s]", n.Value)
	}
}

// isText tells whether a type is written as a single value: a struct without
// keys is one that reads it itself.
func isText(t reflect.Type) bool {
	return t.Kind() != reflect.Struct || len(fieldsOf(t).names) == 0 || !strings.Contains(string(t.Field(0).Tag), "yaml:")
}

var (
	keyColon  = regexp.MustCompile(`^([A-Za-z0-9_.-]+):([^/\s].*)$`)
	keyEquals = regexp.MustCompile(`^([A-Za-z0-9_.-]+)=(.*)$`)
)

// mappingHint says how a value that looks like one of a mapping becomes one.
func mappingHint(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		switch first := n.Content[0]; {
		case first.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0:
			return "remove the dashes"
		case first.Kind == yaml.ScalarNode:
			n = first
		}
	}

	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "\n") {
		return ""
	}

	if m := keyColon.FindStringSubmatch(n.Value); m != nil {
		return fmt.Sprintf("write `%s: %s`, with a space", m[1], m[2])
	}

	if m := keyEquals.FindStringSubmatch(n.Value); m != nil {
		return fmt.Sprintf("write `%s: %s`", m[1], m[2])
	}

	return ""
}

// scalarHint says how a list or a mapping becomes a single value.
func scalarHint(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
		return "templates are not rendered in this document; quote it if the braces are meant"
	case n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle != 0 && len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode:
		return "write it without the brackets"
	default:
		return ""
	}
}

// durationHint adds the unit that is missing.
func durationHint(value string) string {
	if _, err := time.ParseDuration(value + "s"); err == nil {
		return fmt.Sprintf("did you mean %q?", value+"s")
	}

	if compact := strings.ReplaceAll(value, " ", ""); compact != value {
		if _, err := time.ParseDuration(compact); err == nil {
			return fmt.Sprintf("did you mean %q?", compact)
		}
	}

	return ""
}
