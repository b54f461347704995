package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// schema is a JSON Schema. Keys are written in order of name.
type schema map[string]any

// draft is the dialect that the schemas are written in.
const draft = "http://json-schema.org/draft-07/schema#"

// Comments gives the documentation of "Type" and of "Type.Field".
type Comments map[string]string

// Generate writes the schema of a document that decodes into a value of type
// t. What the types themselves do not tell is in the package's rules.
func Generate(name string, t reflect.Type, comments Comments) ([]byte, error) {
	g := generator{comments: comments, definitions: schema{"text": text()}}
	root := g.of(t)

	if ref, ok := root["$ref"].(string); ok {
		key := strings.TrimPrefix(ref, "#/definitions/")
		root = g.definitions[key].(schema) //nolint:forcetypeassert // stored by of
		delete(g.definitions, key)
	}

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

type generator struct {
	comments    Comments
	definitions schema
}

// text is any single value: what is meant as a text may look like a number.
func text() schema {
	return schema{"type": []string{"string", "number", "boolean", "null"}}
}

func textRef() schema { return schema{"$ref": "#/definitions/text"} }

func (g *generator) of(t reflect.Type) schema {
	if t.Kind() == reflect.Pointer {
		return schema{"anyOf": []schema{g.of(t.Elem()), {"type": "null"}}}
	}

	if rule, ok := types[t]; ok {
		return rule
	}

	switch t.Kind() {
	case reflect.String:
		return textRef()
	case reflect.Bool:
		return schema{"anyOf": []schema{{"type": []string{"boolean", "null"}}, template()}}
	case reflect.Slice:
		return schema{"type": []string{"array", "null"}, "items": g.of(t.Elem())}
	case reflect.Map:
		return schema{"type": []string{"object", "null"}, "additionalProperties": g.of(t.Elem())}
	case reflect.Struct:
		if short, ok := shorthands[t]; ok {
			return schema{"anyOf": []schema{short, g.structure(t)}}
		}

		return g.structure(t)
	default:
		panic("no schema for " + t.String()) // a new kind of field; the test finds it
	}
}

func (g *generator) structure(t reflect.Type) schema {
	name := t.Name()
	ref := schema{"$ref": "#/definitions/" + name}

	if g.definitions[name] != nil {
		return ref
	}

	properties := schema{}
	s := schema{"type": "object", "additionalProperties": false, "properties": properties}
	g.definitions[name] = s

	if about := g.comments[name]; about != "" {
		s["description"] = about
	}

	if required := g.fields(t, properties); len(required) > 0 {
		s["required"] = required
	}

	for key, value := range constraints[name] {
		s[key] = value
	}

	return ref
}

// fields adds the fields of a structure, and gives the keys that it must have.
func (g *generator) fields(t reflect.Type, properties schema) []string {
	var required []string

	name := t.Name()

	for i := range t.NumField() {
		field := t.Field(i)
		key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")

		if key == "-" || !field.IsExported() {
			continue
		}

		if strings.Contains(options, "inline") {
			required = append(required, g.fields(field.Type, properties)...)

			continue
		}

		property := g.property(name+"."+key, field.Type)
		if about := g.comments[name+"."+field.Name]; about != "" {
			property = describe(property, key+strings.TrimPrefix(about, field.Name))
		}

		properties[key] = property

		if !strings.Contains(options, "omitempty") {
			required = append(required, key)
		}
	}

	return required
}

func (g *generator) property(key string, t reflect.Type) schema {
	rule, ok := properties[key]
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
