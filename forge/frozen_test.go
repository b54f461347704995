package forge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/tree"
)

// TestFrozen shows that everything that a lock does not fix is named together,
// with its line.
func TestFrozen(t *testing.T) {
	dir := t.TempDir()

	for name, text := range map[string]string{
		"pkg.yaml":          "format: v1alpha2\n",
		"floor/debian.yaml": "format: v1alpha1\nsuites: [trixie]\narchitectures: [amd64]\npackages:\n  - bash\n",
		"floor/debian.lock.yaml": "format: v1alpha1\nwanted: x\nsnapshot: 20260102T000000Z\nreleases:\n" +
			"  - {suite: trixie, date: 20260101T000000Z, sha256: x}\nuserlands: {amd64: []}\n",
		"a/pkg.yaml": "name: a\ndependencies:\n  - debian: ../floor/debian.lock.yaml\n  - image: example.org/tools:v1\n" +
			"  - image: example.org/pinned:v1\n  - image: example.org/b@sha256:" + strings.Repeat("0", 64) + "\nfinalize: [{from: /, to: /}]\n",
		"akmon.lock.yaml": "format: v1alpha1\nimages:\n  - ref: example.org/pinned:v1\n    digest: sha256:" + strings.Repeat("0", 64) + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	platform, err := tree.ParsePlatform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}

	o := forge.Options{Dir: dir}

	g, err := o.Graph(platform)
	if err != nil {
		t.Fatal(err)
	}

	err = forge.CheckFrozen(g)
	if err == nil {
		t.Fatal("nothing was found")
	}

	text := err.Error()
	for _, want := range []string{
		"a/pkg.yaml:4:12: example.org/tools:v1 is not pinned in akmon.lock.yaml; run `akmon lock`",
		"floor/debian.yaml:5:5: bash is not in ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	if strings.Contains(text, "pinned:v1 is") || strings.Contains(text, "/b@") {
		t.Errorf("what is pinned is named:\n%s", text)
	}
}

func TestFetchCommand(t *testing.T) {
	platform, err := tree.ParsePlatform("linux/arm64")
	if err != nil {
		t.Fatal(err)
	}

	o := forge.Options{
		Dir: "my tree", Targets: []string{"a", "b"}, Store: "/s", Args: map[string]string{"Z": "it's", "A": "1"},
	}
	o.Platforms = append(o.Platforms, platform)

	want := `akmon fetch a b -C 'my tree' --platform linux/arm64 --set A=1 --set 'Z=it'\''s' --store /s`
	if got := o.FetchCommand(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
