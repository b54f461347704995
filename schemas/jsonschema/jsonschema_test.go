package jsonschema_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/clientconfig"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/jsonschema"
	"github.com/akmon-os/akmon/schemas/jsonschema/schematest"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
	"github.com/akmon-os/akmon/schemas/pkgtree"
	"github.com/akmon-os/akmon/schemas/policy"
	"github.com/akmon-os/akmon/schemas/profile"
)

var _ = flag.Bool("update", false, "write the schemas anew")

var sources = map[string]reflect.Type{
	"pkg":  reflect.TypeFor[pkgtree.Package](),
	"root": reflect.TypeFor[pkgtree.Root](),
	"vars": reflect.TypeFor[map[string]string](),

	"profile":      reflect.TypeFor[profile.Profile](),
	"clientconfig": reflect.TypeFor[clientconfig.Config](),
	"policy":       reflect.TypeFor[policy.Policy](),
}

func TestUpToDate(t *testing.T) {
	about := schematest.Comments(t, "../pkgtree", "../profile", "../clientconfig", "../policy", "../machineconfig/v1alpha1", "../machineconfig/documents")

	for name, source := range sources {
		schematest.UpToDate(t, ".", name, func() ([]byte, error) { return jsonschema.Generate(name, source, about) })
	}

	kinds := map[string]reflect.Type{}

	for _, kind := range documents.Kinds() {
		doc, _ := documents.New(kind)
		kinds[kind] = reflect.TypeOf(doc).Elem()
	}

	schematest.UpToDate(t, ".", "machineconfig", func() ([]byte, error) {
		return jsonschema.GenerateKinds("machineconfig", reflect.TypeFor[v1alpha1.Document](), documents.APIVersion, kinds, about)
	})
}

func TestUnknownName(t *testing.T) {
	_, err := jsonschema.Get("pgk")
	if err == nil || err.Error() != `no schema is named "pgk"; did you mean "pkg"?` {
		t.Errorf("got %v", err)
	}
}

// decode gives what says whether a document is right, by the name of its
// schema.
var decode = map[string]func(text string) error{
	"pkg":          func(text string) error { return document.Decode("x.yaml", []byte(text), &recipe{}) },
	"root":         func(text string) error { return document.Decode("x.yaml", []byte(text), &pkgtree.Root{}) },
	"vars":         func(text string) error { return document.Decode("x.yaml", []byte(text), &map[string]string{}) },
	"policy":       func(text string) error { _, err := policy.Load("x.yaml", []byte(text)); return err },
	"profile":      func(text string) error { _, err := profile.Load("x.yaml", []byte(text)); return err },
	"clientconfig": func(text string) error { _, err := clientconfig.Decode("x.yaml", []byte(text)); return err },
	"machineconfig": func(text string) error {
		c, _, err := machineconfig.Decode("x.yaml", []byte(text))
		if err != nil {
			return err
		}

		// What is missing is no matter: a patch has few keys.
		var wrong []error

		for _, e := range document.Join("x.yaml", c.Validate(machineconfig.ModeContainer)) {
			if !strings.Contains(e.Message, "required") && !strings.Contains(e.Message, "missing") && !strings.Contains(e.Message, "needs") {
				wrong = append(wrong, e)
			}
		}

		return errors.Join(wrong...)
	},
}

// recipe is a package's document as the compiler decodes it.
type recipe struct {
	pkgtree.Package
}

func (r *recipe) UnmarshalYAML(n *yaml.Node) error {
	c := pkgtree.Completion{
		Arch:   "amd64",
		Steps:  map[string]pkgtree.Definition{"program": {Parameters: map[string]*string{"name": new(string), "count": new(string)}}},
		Render: func(text string, _ map[string]string) (string, error) { return text, nil },
	}

	missing, wrong := c.Complete(n)

	return append(append(wrong, missing...), document.Join("", document.DecodeNode("", nil, n, &r.Package))...).OrNil()
}

// What a decoder takes, the schema takes, and what one refuses the other does,
// too, but for what a schema can't see.
func TestAgreement(t *testing.T) {
	sums := "sha256: " + strings.Repeat("a", 64) + ", sha512: " + strings.Repeat("b", 128)

	for name, decode := range decode {
		raw, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}

		for _, text := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n---\n") {
			text = strings.ReplaceAll(text, "SUMS", sums)
			verdict, text, _ := strings.Cut(text, "\n")

			byDecoder, bySchema := decode(text), schematest.Validate(t, name, text)

			if (byDecoder == nil) != (verdict == "# valid") || (bySchema == nil) != (verdict != "# wrong") {
				t.Errorf("%s %s:\n%s\ndecoder: %v\nschema: %v", name, verdict, text, byDecoder, bySchema)
			}
		}
	}
}

// Whole documents of the tests next door, and what we write ourselves.
func TestGoodDocuments(t *testing.T) {
	for name, pattern := range map[string]string{
		"machineconfig": "../machineconfig/testdata/*.yaml",
		"clientconfig":  "../machineconfig/generate/testdata/*/talosconfig",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no documents in %s: %v", pattern, err)
		}

		generated, _ := filepath.Glob("../machineconfig/generate/testdata/*/*.yaml")
		if name == "machineconfig" {
			paths = append(paths, generated...)
		}

		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}

			if err := schematest.Validate(t, name, string(text)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}

	for _, name := range profile.Names() {
		p, _ := profile.Named(name)

		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}

		if err := schematest.Validate(t, "profile", string(text)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// As written, before the templates are rendered, a recipe is valid as well.
func TestTemplates(t *testing.T) {
	if err := schematest.Validate(t, "pkg", `
name: "{{ .NAME }}"
variant: '{{ if eq .ARCH "x" }}alpine{{ else }}scratch{{ end }}'
dependencies:
  - stage: a
    platform: "{{ .PLATFORM }}"
    runtime: "{{ .YES }}"
steps:
  - network: "{{ .NET }}"
    sources:
      - url: "{{ .URL }}"
        sha256: "{{ .SHA256 }}"
        sha512: "{{ .SHA512 }}"
`); err != nil {
		t.Error(err)
	}
}
