package forge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/tree"
)

// What is wrong in recipes, in locks and on another platform is reported
// together, each finding once.
func TestValidate(t *testing.T) {
	dir := t.TempDir()

	for name, text := range map[string]string{
		"pkg.yaml":           "format: v1alpha2\n",
		"akmon.lock.yaml":    "format: v9\n",
		"a/pkg.yaml":         "name: a\ndependencies:\n  - debian: debian.lock.yaml\n  - debian: none.lock.yaml\n  - stage: b\n",
		"a/debian.yaml":      "format: v1alpha1\nsuites: [Trixie]\narchitectures: [amd64]\npackages: [bash]\n",
		"a/debian.lock.yaml": "format: v1alpha1\nsnapshot: today\n",
		"b/pkg.yaml":         "name: b\ndependencies:\n  - stage: a\n{{ if eq .ARCH \"aarch64\" }}varian: x{{ end }}\nverison: 1\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	o := forge.Options{Dir: dir}

	for _, name := range []string{"linux/amd64", "linux/arm64"} {
		p, err := tree.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}

		o.Platforms = append(o.Platforms, p)
	}

	_, err := forge.Validate(o)
	if err == nil {
		t.Fatal("the tree is accepted")
	}

	var got []string

	for line := range strings.Lines(err.Error()) {
		if rest, ok := strings.CutPrefix(line, dir+"/"); ok {
			// A cycle names the platforms that are not this machine's.
			got = append(got, strings.NewReplacer(" linux/amd64", "", " linux/arm64", "").Replace(strings.TrimSpace(rest)))
		}
	}

	want := []string{
		"a/debian.lock.yaml:2:11: snapshot must be a time like 20260913T000000Z, not \"today\"",
		"a/debian.yaml:2:10: \"Trixie\" is not a suite; did you mean \"trixie\"?",
		"a/pkg.yaml:4:13: lock file none.lock.yaml: there is no such file in the tree; `akmon lock` makes it",
		"akmon.lock.yaml: format is \"v9\", this program knows v1alpha1",
		"b/pkg.yaml:3:12: packages depend on each other: a → b → a",
		"b/pkg.yaml:4:28: unknown key \"varian\"; did you mean \"variant\"?; rendered as \"varian: x\"",
		"b/pkg.yaml:5:1: unknown key \"verison\"; did you mean \"version\"?",
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
