package jsonschema

import (
	"reflect"

	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// template is a text that a template makes another one of.
func template() schema { return schema{"type": "string", "pattern": `\{\{`} }

// enum is one of some texts.
func enum[T ~string](values ...T) schema {
	return schema{"anyOf": []schema{{"enum": values}, template()}}
}

// like is a text that matches a pattern (ECMA 262), which must not need to be
// quoted: "1.0" is a number without the quotes.
func like(pattern string) schema {
	return schema{"type": "string", "pattern": pattern + `|\{\{`}
}

// byArchitecture is a value, or a mapping with one for each architecture.
func byArchitecture(value schema) schema {
	return schema{"anyOf": []schema{value, {
		"type": "object", "propertyNames": schema{"enum": pkgtree.Architectures}, "additionalProperties": value, "minProperties": 1,
	}}}
}

// id is what secrets, agents and reusable steps are called.
const id = `^[A-Za-z0-9][A-Za-z0-9._-]*$`

// given is a single value that says something.
func given() schema { return schema{"type": []string{"string", "number", "boolean"}, "minLength": 1} }

// inTree is a path that does not match what leads out of the tree.
func inTree(outside string) schema {
	return schema{"allOf": []schema{given(), {"not": schema{"type": "string", "pattern": outside}}}}
}

// types are those that decode themselves from something other than their
// fields.
var types = map[reflect.Type]schema{
	reflect.TypeFor[pkgtree.Instruction](): {"type": []string{"string", "number", "boolean"}},
	reflect.TypeFor[pkgtree.SSH]():         {"anyOf": []schema{like(id), {"type": "number"}}},
	reflect.TypeFor[pkgtree.Strip]():       {"anyOf": []schema{{"type": "integer", "minimum": 0, "maximum": 99}, template()}},
	reflect.TypeFor[pkgtree.Epoch](): {"anyOf": []schema{
		{"type": "integer", "minimum": 0, "exclusiveMaximum": 1 << 40},
		{"type": "string", "pattern": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([Tt].*)?$|^[0-9]+$`},
	}},
}

// shorthands are what may stand for a mapping of a type.
var shorthands = map[reflect.Type]schema{
	reflect.TypeFor[pkgtree.Patch](): {"type": []string{"string", "number", "boolean"}},
}

// properties are fields that not every value of their type will do for, by
// type and key.
var properties = map[string]schema{
	"Root.format":           {"const": pkgtree.Format},
	"Package.name":          {"anyOf": []schema{like(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`), {"type": "number"}}},
	"Package.variant":       enum(pkgtree.Alpine, pkgtree.Scratch),
	"Package.buildPlatform": enum(pkgtree.Platforms...),
	"Dependency.platform":   enum(pkgtree.Platforms...),
	"Step.network":          enum(pkgtree.NetworkNone, pkgtree.NetworkDefault, pkgtree.NetworkHost),
	"Step.tmpDir":           like(`^/+[^/]`),
	"Step.cachePaths":       {"type": []string{"array", "null"}, "items": like(`^/+[^/]`)},
	"Step.env":              {"type": []string{"object", "null"}, "additionalProperties": byArchitecture(textRef()), "propertyNames": schema{"pattern": `^[^=]+$`}},
	"Source.url":            like(`^https?://[^/\s?#]+([/?#]|$)`),
	"Source.local":          inTree(`^/|^\.\.(/|$)`),
	"Source.go":             inTree(`^/|^\.\.(/|$)`),
	"Source.from":           {"allOf": []schema{textRef(), {"not": schema{"type": "string", "pattern": `^/*\.\.(/|$)`}}}},
	"Source.destination":    {"allOf": []schema{textRef(), {"not": schema{"type": "string", "pattern": `^/*\.\.(/|$)`}}}},
	"Dependency.stage":      given(),
	"Dependency.image":      given(),
	"Dependency.debian":     inTree(`^/`),
	"Package.install":       {"type": []string{"array", "null"}, "items": given()},
	"Package.licenses":      {"type": []string{"array", "null"}, "items": given()},
	"Source.sha256":         {"anyOf": []schema{like(`^[0-9a-f]{64}$`), {"type": "number"}}},
	"Source.sha512":         {"anyOf": []schema{like(`^[0-9a-f]{128}$`), {"type": "number"}}},
	"Step.use":              {"anyOf": []schema{like(id), {"type": []string{"number", "null"}}}},
	"Source.git":            like(`^(https?|ssh|git)://[^/]+`),
	"Source.commit":         {"anyOf": []schema{like(`^([0-9a-f]{40}|[0-9a-f]{64})$`), {"type": "number"}}},
	"Source.ref":            {"anyOf": []schema{like(`^[A-Za-z0-9][A-Za-z0-9._/+-]*$`), {"type": "number"}}},
	"Source.image":          like(`@sha256:[0-9a-f]{64}$`),
	"Source.platform":       enum(pkgtree.Platforms...),
	"Source.debian":         like(`^https?://[^/]+/.*\.dsc$`),
	"SBOM.outputPath":       like(`^/`),
	"SBOM.cpes":             {"type": []string{"array", "null"}, "items": like(`^cpe:(2\.3:|/)`)},
	"CustomLicense.id":      like(`^LicenseRef-[A-Za-z0-9.-]+$`),
	"CustomLicense.text":    {"anyOf": []schema{{"type": "string", "pattern": `\S`}, {"type": []string{"number", "boolean"}}}},
	"Output.name":           {"anyOf": []schema{like(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`), {"type": "number"}}},
	"Secret.id":             {"anyOf": []schema{like(id), {"type": "number"}}},
	"Secret.target":         like(`^/+[^/]`),
	"Secret.env":            like(`^[^=]+$`),
}

// constraints hold between the fields of a type.
var constraints = map[string]schema{
	"Dependency": {
		"oneOf": exactlyOne("stage", "image", "debian"),
	},
	"Step": {"dependencies": schema{"with": []string{"use"}}},
	"Root": {"allOf": []schema{{"properties": schema{
		"steps": schema{"propertyNames": schema{"pattern": id}},
	}}}},
	"Definition": {
		"allOf": []schema{{"properties": schema{
			"parameters": schema{"propertyNames": schema{"pattern": `^[A-Za-z_][A-Za-z0-9_]*$`}},
		}}},
		"not": schema{"anyOf": []schema{{"required": []string{"use"}}, {"required": []string{"with"}}}},
	},
	"Output": {"allOf": []schema{{"properties": schema{
		"finalize": schema{"type": "array", "minItems": 1},
	}}}},
	"Secret": {"not": schema{"required": []string{"target", "env"}}},
	"Source": {
		"oneOf": exactlyOne("url", "git", "image", "debian", "local", "go"),
		"dependencies": schema{
			"url":        []string{"sha256", "sha512"},
			"git":        schema{"required": []string{"sha256", "sha512"}, "oneOf": exactlyOne("commit", "ref")},
			"debian":     []string{"sha256", "sha512"},
			"sha256":     schema{"anyOf": exactlyOne("url", "git", "debian")},
			"sha512":     schema{"anyOf": exactlyOne("url", "git", "debian")},
			"commit":     []string{"git"},
			"ref":        []string{"git"},
			"submodules": []string{"git"},
			"platform":   []string{"image"},
			"unpatched":  []string{"debian"},
			"from":       schema{"anyOf": exactlyOne("git", "image")},
			"include":    []string{"local"},
			"exclude":    []string{"local"},
		},
	},
	"Patch": {
		"oneOf": exactlyOne("path", "source"),
	},
}

func exactlyOne(keys ...string) []schema {
	var all []schema
	for _, key := range keys {
		all = append(all, schema{"required": []string{key}})
	}

	return all
}
