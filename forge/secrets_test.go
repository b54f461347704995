package forge

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
)

func TestParseSecretAndSSH(t *testing.T) {
	for in, want := range map[string]Secret{
		"id=a,src=/x":        {ID: "a", File: "/x"},
		"id=a,source=/x":     {ID: "a", File: "/x"},
		"env=A,id=a":         {ID: "a", Env: "A"},
		`id=a,"src=/x,y"`:    {ID: "a", File: "/x,y"},
		"id=a":               {},
		"src=/x":             {},
		"id=a,src=/x,env=A":  {},
		"id=a,src=/x,mode=1": {},
		`"`:                  {},
	} {
		got, err := ParseSecret(in)
		if (err == nil) != (want != Secret{}) || err == nil && got != want {
			t.Errorf("%s is %v, %v", in, got, err)
		}
	}

	for in, want := range map[string]SSHAgent{
		"default":   {ID: "default"},
		"a=/x":      {ID: "a", Paths: []string{"/x"}},
		"a=/x,/y=z": {ID: "a", Paths: []string{"/x", "/y=z"}},
		"":          {},
		"a=":        {},
		"=/x":       {},
	} {
		got, err := ParseSSH(in)
		if (err == nil) != (want.ID != "") || err == nil && !cmp.Equal(got, want) {
			t.Errorf("%s is %v, %v", in, got, err)
		}
	}
}

// What can't be given is an error before anything is built.
func TestAttachables(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Setenv("GIVEN", "x")

	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		o  Options
		ok bool
	}{
		"nothing":    {Options{}, true},
		"both":       {Options{Secrets: []Secret{{ID: "a", File: file}, {ID: "b", Env: "GIVEN"}}}, true},
		"no file":    {Options{Secrets: []Secret{{ID: "a", File: file + "x"}}}, false},
		"no var":     {Options{Secrets: []Secret{{ID: "a", Env: "NOT_GIVEN"}}}, false},
		"no agent":   {Options{SSH: []SSHAgent{{ID: "default"}}}, false},
		"not a key":  {Options{SSH: []SSHAgent{{ID: "default", Paths: []string{file}}}}, false},
		"not a path": {Options{SSH: []SSHAgent{{ID: "default", Paths: []string{file + "x"}}}}, false},
	} {
		if _, err := test.o.attachables(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The SBOM of an image names the outputs that are in it, with the sources of
// their recipe; the recipe's own output is not in it.
func TestDescribeOutputs(t *testing.T) {
	source := "{url: 'https://example.org/x', sha256: " + zeros[:64] + ", sha512: " + zeros + "}"
	files := fstest.MapFS{}

	for name, text := range map[string]string{
		"pkg.yaml":       "format: v1alpha2\n",
		"tools/pkg.yaml": "name: tools\nfinalize: [{from: /}]\n",
		"lib/pkg.yaml": "name: lib\nversion: '1'\nlicenses: [MIT]\ndependencies: [{stage: tools}]\nsteps: [{sources: [" + source + "]}]\nfinalize: [{from: /a}]\n" +
			"outputs: [{name: lib-data, licenses: [CC0-1.0], finalize: [{from: /b}]}, {name: lib-doc, finalize: [{from: /c}]}]\n",
		"image/pkg.yaml": "name: image\ndependencies: [{stage: tools}, {stage: lib-data, to: /rootfs}]\nsteps: [{build: [make]}]\nfinalize: [{from: /rootfs}]\nimage: {}\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}

	loaded, err := tree.Load(tree.Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{"image"})
	if err != nil {
		t.Fatal(err)
	}

	described, err := (&target{name: "image", nodes: g.Targets}).describe("", loaded.Epoch())
	if err != nil {
		t.Fatal(err)
	}

	if len(described.Components) != 1 || described.Components[0].Name != "lib-data" ||
		described.Components[0].Version != "1" || described.Components[0].Licenses[0] != "CC0-1.0" || len(described.Components[0].Sources) != 1 {
		t.Errorf("the components are %+v", described.Components)
	}

	if len(described.Tools) != 1 || described.Tools[0].Name != "tools" {
		t.Errorf("the tools are %+v", described.Tools)
	}
}

const zeros = "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
