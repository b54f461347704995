package tree_test

import (
	"testing"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/jsonschema/schematest"
)

// valid checks a document by its JSON Schema.
func valid(t *testing.T, schema, file string, text []byte) {
	t.Helper()

	if err := schematest.Validate(t, schema, string(text)); err != nil {
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
