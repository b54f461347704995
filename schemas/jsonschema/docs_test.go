package jsonschema_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/akmon-os/akmon/schemas/jsonschema"
	"github.com/akmon-os/akmon/schemas/jsonschema/schematest"
)

var modeline = regexp.MustCompile("(?s)```yaml\n(# yaml-language-server: \\$schema=[./a-z]*/([a-z-]+)\\.json\n.*?)```")

// Each example of the page is valid by the schema that its modeline names, and
// with a key that there is not, it is not.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/editors.md")
	if err != nil {
		t.Fatal(err)
	}

	var seen []string

	for _, m := range modeline.FindAllStringSubmatch(string(text), -1) {
		example, name := m[1], m[2]
		seen = append(seen, name)

		if err := schematest.Validate(t, name, example); err != nil {
			t.Errorf("the example of %s: %v", name, err)
		}

		if err := schematest.Validate(t, name, example+"nonsense: {a: [b]}\n"); err == nil {
			t.Errorf("the example of %s is valid with nonsense in it", name)
		}
	}

	for _, name := range jsonschema.Names() {
		if name != "debian-lock" && !slices.Contains(seen, name) { // nobody writes a lock by hand
			t.Errorf("the page has no example of %s", name)
		}

		if !regexp.MustCompile("`" + name + "`").Match(text) {
			t.Errorf("the page does not name %s", name)
		}
	}
}
