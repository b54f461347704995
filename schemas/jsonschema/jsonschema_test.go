package jsonschema_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/jsonschema"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

var update = flag.Bool("update", false, "write the schemas anew")

var sources = map[string]reflect.Type{
	"pkg":  reflect.TypeFor[pkgtree.Package](),
	"root": reflect.TypeFor[pkgtree.Root](),
	"vars": reflect.TypeFor[map[string]string](),
}

func TestUpToDate(t *testing.T) {
	about := comments(t, "../pkgtree")

	for _, name := range jsonschema.Names() {
		want, err := jsonschema.Generate(name, sources[name], about)
		if err != nil {
			t.Fatal(err)
		}

		if *update {
			if err := os.WriteFile(filepath.Join("files", name+".json"), want, 0o644); err != nil {
				t.Fatal(err)
			}

			continue
		}

		got, err := jsonschema.Get(name)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date, run go test ./schemas/jsonschema -update (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnknownName(t *testing.T) {
	_, err := jsonschema.Get("pgk")
	if err == nil || err.Error() != `no schema is named "pgk"; did you mean "pkg"?` {
		t.Errorf("got %v", err)
	}
}

func compile(t testing.TB, name string) *oracle.Schema {
	t.Helper()

	raw, err := jsonschema.Get(name)
	if err != nil {
		t.Fatal(err)
	}

	doc, err := oracle.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}

	compiler := oracle.NewCompiler()
	if err := compiler.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}

	s, err := compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// value is a document as a JSON Schema sees it: YAML 1.2's types, in which a
// date is a text.
func value(t testing.TB, text string) any {
	t.Helper()

	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}

	var dates func(n *yaml.Node)

	dates = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}

		for _, child := range n.Content {
			dates(child)
		}
	}

	dates(&root)

	var v any
	if err := root.Decode(&v); err != nil {
		t.Fatal(err)
	}

	return v
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

// What the compiler takes, the schemas take, and what one refuses the other
// does, too.
func TestAgreement(t *testing.T) {
	sums := "sha256: " + strings.Repeat("a", 64) + ", sha512: " + strings.Repeat("b", 128)

	for name, into := range map[string]func() any{
		"pkg":  func() any { return &recipe{} },
		"root": func() any { return &pkgtree.Root{} },
		"vars": func() any { return &map[string]string{} },
	} {
		schema := compile(t, name)
		raw, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}

		for _, text := range strings.Split(string(raw), "\n---\n") {
			text = strings.ReplaceAll(text, "SUMS", sums)
			verdict, text, _ := strings.Cut(text, "\n")

			byCompiler := document.Decode("x.yaml", []byte(text), into())
			bySchema := schema.Validate(value(t, text))

			if want := verdict == "# valid"; (byCompiler == nil) != want || (bySchema == nil) != want {
				t.Errorf("%s %s:\n%s\ncompiler: %v\nschema: %v", name, verdict, text, byCompiler, bySchema)
			}
		}
	}
}

// As written, before the templates are rendered, a recipe is valid as well.
func TestTemplates(t *testing.T) {
	if err := compile(t, "pkg").Validate(value(t, `
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
`)); err != nil {
		t.Error(err)
	}
}
