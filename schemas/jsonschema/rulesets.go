package jsonschema

import (
	"slices"
	"strings"
)

// ruleSet is what the types of one kind of document do not tell.
type ruleSet struct {
	// types are the schemas of types that decode themselves, by package and
	// name; properties those of fields that not every value of their type
	// will do for, by type and key; constraints hold between the fields of a
	// type.
	types, properties map[string]schema
	constraints       map[string]schema
	// templates tells that the document is rendered before it is decoded.
	templates bool
	// partial tells that a mapping may be empty, and lack any key: the
	// document lies over others, or what is required depends on what else
	// there is.
	partial bool
	// needed are the keys of a partial document that are required all the
	// same, by type.
	needed map[string][]string
}

// object is the type of a mapping. One that is left empty is null.
func (r ruleSet) object() any {
	if r.partial {
		return []string{"object", "null"}
	}

	return "object"
}

func (r ruleSet) required(structure, key, options string) bool {
	if r.partial {
		return slices.Contains(r.needed[structure], key)
	}

	return !strings.Contains(options, "omitempty")
}

// policyRules are about the verification policy.
var policyRules = ruleSet{
	partial: true,
	needed: map[string][]string{
		"Policy": {"apiVersion", "kind"}, "Rule": {"image"}, "Keyless": {"issuer"}, "PublicKey": {"certificate"},
	},
	properties: map[string]schema{
		"Policy.apiVersion":     {"const": "v1alpha1"},
		"Policy.kind":           {"const": "ImageVerificationConfig"},
		"Rule.image":            given(),
		"Keyless.issuer":        given(),
		"PublicKey.certificate": given(),
	},
	constraints: map[string]schema{
		"Rule":    {"type": "object", "oneOf": exactlyOne("skip", "deny", "keyless", "publicKey")},
		"Keyless": {"type": "object", "oneOf": exactlyOne("subject", "subjectRegex")},
	},
}

func rulesOf(name string) ruleSet {
	switch name {
	case "profile":
		return profileRules
	case "machineconfig":
		return machineRules
	case "debian", "debian-lock":
		return debianRules
	case "policy":
		return policyRules
	case "clientconfig":
		return ruleSet{partial: true}
	default:
		byName := map[string]schema{}
		for t, rule := range types {
			byName[t.String()] = rule
		}

		return ruleSet{types: byName, properties: properties, constraints: constraints, templates: true}
	}
}

// only is one of some texts, where templates are not rendered; an empty one
// says nothing.
func only(values ...string) schema {
	all := []any{"", nil}
	for _, v := range values {
		all = append(all, v)
	}

	return schema{"enum": all}
}

// form is a text that matches a pattern (ECMA 262), or says nothing.
func form(pattern string) schema {
	return schema{"type": []string{"string", "null"}, "pattern": "^$|" + pattern}
}

// lists of texts, each of a form.
func list(items schema) schema { return schema{"type": []string{"array", "null"}, "items": items} }

// duration is what Go's time.ParseDuration reads.
func duration() schema {
	return schema{"anyOf": []schema{
		{"type": "string", "pattern": `^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$|^[-+]?0$`},
		{"enum": []any{0, nil}},
	}}
}
