package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// schema is a JSON Schema. Keys are written in order of name.
type schema map[string]any

// draft is the dialect that the schemas are written in.
const draft = "http://json-schema.org/draft-07/schema#"

// Comments gives the documentation of "package.Type" and of
// "package.Type.Field".
type Comments map[string]string

// Generate writes the schema of a document that decodes into a value of type
// t. What the types themselves do not tell is in the package's rules.
func Generate(name string, t reflect.Type, comments Comments) ([]byte, error) {
	g := newGenerator(name, comments)
	root := g.of(t)

	if ref, ok := root["$ref"].(string); ok {
		key := strings.TrimPrefix(ref, definitions)
		root = g.definitions[key].(schema) //nolint:forcetypeassert // stored by of
		delete(g.definitions, key)
	}

	return g.write(name, root)
}

// GenerateKinds writes the schema of a document that either decodes into a
// value of type main, or, when it has a kind, into one of that kind's type;
// version is the apiVersion of all kinds.
func GenerateKinds(name string, main reflect.Type, version string, kinds map[string]reflect.Type, comments Comments) ([]byte, error) {
	g := newGenerator(name, comments)

	var byKind []schema

	names := slices.Sorted(maps.Keys(kinds))
	for _, kind := range names {
		byKind = append(byKind, schema{
			"if":   schema{"properties": schema{"kind": schema{"const": kind}}},
			"then": g.of(kinds[kind]),
		})
	}

	return g.write(name, schema{
		"if": schema{"anyOf": []schema{{"required": []string{"kind"}}, {"required": []string{"apiVersion"}}}},
		"then": schema{
			"required":   []string{"apiVersion", "kind"},
			"properties": schema{"apiVersion": schema{"const": version}, "kind": schema{"enum": names}},
			"allOf":      byKind,
		},
		"else": g.of(main),
		"type": "object",
	})
}

// definitions is where a schema's named parts are.
const definitions = "#/definitions/"

type generator struct {
	rules       ruleSet
	comments    Comments
	definitions schema
	names       map[reflect.Type]string
}

func newGenerator(name string, comments Comments) *generator {
	return &generator{
		rules: rulesOf(name), comments: comments,
		definitions: schema{"text": text()}, names: map[reflect.Type]string{},
	}
}

func (g *generator) write(name string, root schema) ([]byte, error) {
	root["$schema"] = draft
	root["$id"] = "https://akmon-os.org/schemas/" + name + ".json"
	root["definitions"] = g.definitions

	for _, d := range Documents {
		if d.Name == name {
			root["title"] = d.File + ": " + d.Description
		}
	}

	var b bytes.Buffer

	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")

	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", name, err)
	}

	return b.Bytes(), nil
}

// text is any single value: what is meant as a text may look like a number.
func text() schema {
	return schema{"type": []string{"string", "number", "boolean", "null"}}
}

func textRef() schema { return schema{"$ref": definitions + "text"} }

var (
	nodeType     = reflect.TypeFor[yaml.Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (g *generator) of(t reflect.Type) schema {
	if t.Kind() == reflect.Pointer {
		return schema{"anyOf": []schema{g.of(t.Elem()), {"type": "null"}}}
	}

	if rule, ok := g.rules.types[t.String()]; ok {
		return rule
	}

	switch t {
	case nodeType:
		return textRef()
	case durationType:
		return duration()
	}

	switch t.Kind() {
	case reflect.String:
		return textRef()
	case reflect.Bool:
		return g.unless(schema{"type": []string{"boolean", "null"}})
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return g.unless(schema{"type": []string{"integer", "null"}})
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return g.unless(schema{"type": []string{"integer", "null"}, "minimum": 0})
	case reflect.Uint8, reflect.Uint16:
		return g.unless(schema{"type": []string{"integer", "null"}, "minimum": 0, "maximum": 1<<t.Bits() - 1})
	case reflect.Interface:
		return schema{}
	case reflect.Slice:
		return schema{"type": []string{"array", "null"}, "items": g.of(t.Elem())}
	case reflect.Map:
		s := schema{"type": []string{"object", "null"}, "additionalProperties": g.of(t.Elem())}
		if rule, ok := g.rules.types[t.Key().String()]; ok {
			s["propertyNames"] = rule
		}

		return s
	case reflect.Struct:
		if short, ok := shorthands[t]; ok {
			return schema{"anyOf": []schema{short, g.structure(t)}}
		}

		return g.structure(t)
	default:
		panic("no schema for " + t.String()) // a new kind of field; the test finds it
	}
}

// unless lets a template stand in the place of a value where templates are
// rendered.
func (g *generator) unless(s schema) schema {
	if !g.rules.templates {
		return s
	}

	return schema{"anyOf": []schema{s, template()}}
}

// name is how a type is called in the schema: by its own name, or with its
// package's if another has it already.
func (g *generator) name(t reflect.Type) string {
	if name, ok := g.names[t]; ok {
		return name
	}

	name := t.Name()
	if g.definitions[name] != nil {
		name = t.String()
	}

	g.names[t] = name

	return name
}

func (g *generator) structure(t reflect.Type) schema {
	properties := schema{}
	s := schema{"type": g.rules.object(), "additionalProperties": false, "properties": properties}

	if t.Name() == "" { // written where it is used
		g.fields(t, t.Name(), s, properties)

		return s
	}

	name := g.name(t)
	ref := schema{"$ref": definitions + name}

	if g.definitions[name] != nil {
		return ref
	}

	g.definitions[name] = s

	if about := g.comments[t.String()]; about != "" {
		s["description"] = about
	}

	g.fields(t, name, s, properties)

	for key, value := range g.rules.constraints[t.Name()] {
		s[key] = value
	}

	return ref
}

// fields adds what the fields of t say to schema s and its properties.
func (g *generator) fields(t reflect.Type, name string, s, properties schema) {
	for i := range t.NumField() {
		field := t.Field(i)
		key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")

		if strings.Contains(options, "inline") {
			g.fields(field.Type, field.Type.Name(), s, properties)

			continue
		}

		if key == "-" || !field.IsExported() {
			continue
		}

		if key == "" {
			key = strings.ToLower(field.Name)
		}

		property := g.property(name+"."+key, field.Type)
		if about := g.comments[t.String()+"."+field.Name]; about != "" {
			property = describe(property, key+strings.TrimPrefix(about, field.Name))
		}

		properties[key] = property

		if g.rules.required(t.Name(), key, options) {
			required, _ := s["required"].([]string)
			s["required"] = append(required, key)
		}
	}
}

func (g *generator) property(key string, t reflect.Type) schema {
	rule, ok := g.rules.properties[key]
	if !ok {
		rule = g.of(t)
	}

	// What a source says may differ between architectures.
	if strings.HasPrefix(key, "Source.") {
		return byArchitecture(rule)
	}

	return rule
}

// describe adds a description; beside a $ref draft 7 ignores everything.
func describe(s schema, about string) schema {
	if s["$ref"] != nil {
		return schema{"allOf": []schema{s}, "description": about}
	}

	described := schema{"description": about}
	for key, value := range s {
		described[key] = value
	}

	return described
}
