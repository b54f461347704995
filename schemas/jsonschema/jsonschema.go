package jsonschema

import (
	"embed"
	"fmt"
	"slices"

	"github.com/akmon-os/akmon/schemas/document"
)

// Document is a kind of document that has a schema.
type Document struct {
	// Name is what people call it, File how its files are named, and
	// Description what it is, in one line.
	Name, File, Description string
}

// Documents are those that have a schema.
var Documents = []Document{
	{"pkg", "pkg.yaml", "a package's recipe"},
	{"root", "Pkgfile, or pkg.yaml at the root", "the root document of a package tree"},
	{"vars", "vars.yaml", "template variables of a directory"},
	{"debian", "debian.yaml", "the packages of a bootstrap userland"},
	{"debian-lock", "debian.lock.yaml", "the pinned packages of a bootstrap userland"},
	{"profile", "a profile of the imager", "what a boot asset is made of"},
	{"machineconfig", "a machine configuration or a patch", "the documents that configure a machine"},
	{"policy", "a verification policy", "which images must be signed, and by whom"},
	{"clientconfig", "talosconfig", "the clusters that a client talks to"},
}

//go:embed files/*.json
var files embed.FS

// Names gives the names of all documents that have a schema.
func Names() []string {
	names := make([]string, len(Documents))
	for i, d := range Documents {
		names[i] = d.Name
	}

	return names
}

// Get gives the schema of a document by its name.
func Get(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		hint := document.Suggest(name, Names())
		if hint == "" {
			hint = fmt.Sprintf("known are %v", Names())
		}

		return nil, fmt.Errorf("no schema is named %q; %s", name, hint)
	}

	return files.ReadFile("files/" + name + ".json")
}
