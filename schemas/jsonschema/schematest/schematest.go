// Package schematest holds what tests of the JSON Schemas share: a validator
// that is not our own, documents as it sees them, and the comparison of a
// schema with the types that it is generated from.
package schematest

import (
	"bytes"
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/jsonschema"
)

// updating tells whether -update is given; the flag is another package's, or
// that of the test itself.
func updating() bool {
	f := flag.Lookup("update")

	return f != nil && f.Value.String() == "true"
}

// UpToDate compares the embedded schema of a document with what generate gives
// now; with -update it writes the file, which has its place below dir, the
// package jsonschema's directory.
func UpToDate(t *testing.T, dir, name string, generate func() ([]byte, error)) {
	t.Helper()

	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}

	file := dir + "/files/" + name + ".json"

	if updating() {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}

		return
	}

	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date, run this test with -update (-want +got):\n%s", name, diff)
	}
}

var (
	mu       sync.Mutex
	compiled = map[string]*oracle.Schema{}
)

// Compile gives the embedded schema of a document to the validator.
func Compile(t testing.TB, name string) *oracle.Schema {
	t.Helper()

	mu.Lock()
	defer mu.Unlock()

	if s := compiled[name]; s != nil {
		return s
	}

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

	compiled[name] = s

	return s
}

// Validate tells what the schema of a document says of every document in a
// YAML text. That the text is not YAML is an error, too.
func Validate(t testing.TB, name, text string) error {
	t.Helper()

	s := Compile(t, name)
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))

	for first := true; ; first = false {
		var root yaml.Node

		err := decoder.Decode(&root)
		if err != nil && (first || err.Error() != "EOF") {
			return err
		}

		if err != nil {
			return nil
		}

		datesAreTexts(&root)

		var v any
		if err := root.Decode(&v); err != nil {
			return err
		}

		if err := s.Validate(v); err != nil {
			return err
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
