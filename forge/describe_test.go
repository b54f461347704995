package forge

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
)

// TestDescribeTellsPartsFromTools shows that the SBOM lists what reaches an
// image apart from what only built it.
func TestDescribeTellsPartsFromTools(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"pkg.yaml":           "format: v1alpha2\n",
		"tools/pkg.yaml":     "name: tools\nfinalize: [{from: /}]\n",
		"lib/pkg.yaml":       "name: lib\nversion: '1'\ndependencies: [{stage: tools}]\nsteps: [{build: [make]}]\nfinalize: [{from: /rootfs}]\n",
		"both/pkg.yaml":      "name: both\ndependencies: [{stage: lib}]\nfinalize: [{from: /}]\n",
		"installer/pkg.yaml": "name: installer\nversion: v1\ndependencies: [{stage: tools}, {stage: both, to: /rootfs}]\nsteps: [{build: [make]}]\nfinalize: [{from: /rootfs}]\nimage: {}\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}

	loaded, err := tree.Load(tree.Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{"installer"})
	if err != nil {
		t.Fatal(err)
	}

	described, err := (&target{name: "installer", nodes: g.Targets}).describe("", loaded.Epoch())
	if err != nil {
		t.Fatal(err)
	}

	var parts, tools []string
	for _, c := range described.Components {
		parts = append(parts, c.Name)
	}

	for _, c := range described.Tools {
		tools = append(tools, c.Name)
	}

	if diff := cmp.Diff([]string{"both", "lib"}, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff([]string{"tools"}, tools); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
}

func TestParseOutput(t *testing.T) {
	for _, test := range []struct{ in, path, err string }{
		{"type=oci", "_out/installer", ""},
		{"type=oci-tar,dest=x", "x/installer.tar", ""},
		{"type=registry,ref=r.example.com/akmon/{target}:v1", "r.example.com/akmon/installer:v1", ""},
		{"type=registry", "", `output "type=registry" has no ref; write type=registry,ref=registry.example.com/akmon/{target}:v1`},
		{"dest=x", "", `output "dest=x" has no type; write type=oci,dest=_out`},
		{"type=local,ref=x", "", `output "type=local,ref=x": ref is for type=registry`},
		{"type=local,dset=x", "", `output "type=local,dset=x": unknown attribute "dset"; did you mean "dest"?`},
	} {
		o, err := ParseOutput(test.in)

		message := ""
		if err != nil {
			message = err.Error()
		}

		if diff := cmp.Diff(test.err, message); diff != "" {
			t.Errorf("%s: error (-want +got):\n%s", test.in, diff)
		}

		if err == nil && o.Path("installer") != test.path {
			t.Errorf("%s: path %s, want %s", test.in, o.Path("installer"), test.path)
		}
	}
}
