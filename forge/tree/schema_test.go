package tree_test

import (
	"bytes"
	"sync"
	"testing"

	oracle "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/jsonschema"
)

var compiled = sync.OnceValues(func() (map[string]*oracle.Schema, error) {
	schemas := map[string]*oracle.Schema{}

	for _, name := range jsonschema.Names() {
		raw, err := jsonschema.Get(name)
		if err != nil {
			return nil, err
		}

		doc, err := oracle.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}

		compiler := oracle.NewCompiler()
		if err := compiler.AddResource(name, doc); err != nil {
			return nil, err
		}

		if schemas[name], err = compiler.Compile(name); err != nil {
			return nil, err
		}
	}

	return schemas, nil
})

// valid checks a document by its JSON Schema.
func valid(t *testing.T, schema, file string, text []byte) {
	t.Helper()

	schemas, err := compiled()
	if err != nil {
		t.Fatal(err)
	}

	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}

	datesAreTexts(&node)

	var v any
	if err := node.Decode(&v); err != nil {
		t.Fatal(err)
	}

	if err := schemas[schema].Validate(v); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// Every document of Akmon's own tree is valid by its JSON Schema, for each
// architecture.
func TestOwnTreeAndSchemas(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		target, err := tree.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}

		loaded, err := tree.Load(tree.Options{Dir: "../..", Platform: target})
		if err != nil {
			t.Fatal(err)
		}

		valid(t, "root", loaded.RootFile, loaded.RootRaw)

		for _, name := range loaded.Names() {
			p := loaded.Packages[name]

			rendered, err := render.Render(p.File, p.Raw, p.Vars)
			if err != nil {
				t.Fatal(err)
			}

			valid(t, "pkg", p.File, rendered.Text)
		}
	}
}

// datesAreTexts gives dates the type that they have in YAML 1.2.
func datesAreTexts(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}

	for _, child := range n.Content {
		datesAreTexts(child)
	}
}
