// Package jsonschema holds the JSON Schemas (draft 7, which editors know best)
// of the documents that people write, generated from the Go types that decode
// them. `go test ./schemas/jsonschema -update` writes them anew; without
// -update the same test fails when a type and its schema differ.
//
// Recipes and variables are Go templates, so that a schema meets two texts:
// the rendered one, which it describes exactly, and the one as written, which
// an editor shows. Wherever a value must have a certain form, a value with a
// template in it is therefore valid, too, as long as it is quoted: an unquoted
// `{{ .NAME }}` is not what it looks like in YAML.
package jsonschema
