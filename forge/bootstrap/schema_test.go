package bootstrap_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/tree/treetest"
	"github.com/akmon-os/akmon/schemas/jsonschema"
	"github.com/akmon-os/akmon/schemas/jsonschema/schematest"
)

func TestSchemas(t *testing.T) {
	about := schematest.Comments(t, ".")

	for name, source := range map[string]reflect.Type{
		"debian": reflect.TypeFor[bootstrap.Spec](), "debian-lock": reflect.TypeFor[bootstrap.Lock](),
	} {
		schematest.UpToDate(t, "../../schemas/jsonschema", name, func() ([]byte, error) {
			return jsonschema.Generate(name, source, about)
		})
	}

	// Our own documents are valid.
	for name, file := range map[string]string{"debian": "debian.yaml", "debian-lock": "debian.lock.yaml"} {
		text, err := os.ReadFile("../../toolchain/bootstrap/" + file)
		if err != nil {
			t.Fatal(err)
		}

		if err := schematest.Validate(t, name, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}

	for name, text := range map[string]string{"debian": specText, "debian-lock": lockText} {
		if err := schematest.Validate(t, name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A mistake that a schema can find, it finds; the other documents say so:
// "schema: blind".
func TestBadDocumentsAndSchemas(t *testing.T) {
	treetest.Each(t, "testdata/bad/*.txt", func(t *testing.T, a *treetest.Archive) {
		for name, file := range a.FS() {
			schema := "debian"
			if name == "debian.lock.yaml" {
				schema = "debian-lock"
			}

			err := schematest.Validate(t, schema, string(file.Data))
			if blind := a.Setting("schema", "") == "blind"; blind == (err != nil) {
				t.Errorf("the schema says %v", err)
			}
		}
	})
}
