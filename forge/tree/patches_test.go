package tree_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n"

func patchTree(patches string) tree.Options {
	return tree.Options{Platform: amd64, BuildPlatform: amd64, FS: files(
		"pkg.yaml", "format: v1alpha2\n",
		"a [x]/pkg.yaml", "name: a\nsteps:\n  - {}\n  - sources: [{url: 'https://example.org/up.diff', sha256: "+strings.Repeat("a", 64)+
			", sha512: "+strings.Repeat("b", 128)+"}]\n    patches: "+patches+"\nfinalize: [{}]\n",
		"a [x]/patches/10.patch", diff, "a [x]/patches/2.patch", diff, "a [x]/patches/01.patch.tmpl", diff, "a [x]/patches/.no.patch", diff,
		"a [x]/patches/broken.diff", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n",
		"a [x]/patches/nested/pkg.yaml", "name: nested\n", "a [x]/patches/nested/n.patch", diff,
		"outside.patch", diff,
	)}
}

func TestPatches(t *testing.T) {
	loaded, err := tree.Load(patchTree("[patches/*.patch, {source: up.diff, strip: 0}, ./patches/2.patch]"))
	if err != nil {
		t.Fatal(err)
	}

	p := loaded.Packages["a"]

	var got []string
	for _, one := range p.Patches(1) {
		got = append(got, one.Path)

		if one.InPackage != (one.Path != "up.diff") || one.Strip != map[bool]int{true: 1, false: 0}[one.InPackage] || one.Pos.Line != 5 {
			t.Errorf("%+v", one)
		}
	}

	want := []string{"patches/01.patch", "patches/10.patch", "patches/2.patch", "up.diff", "patches/2.patch"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if len(p.Patches(0)) > 0 || len(p.Patches(2)) > 0 {
		t.Error("other steps have patches")
	}
}

func TestPatchErrors(t *testing.T) {
	for patches, want := range map[string]string{
		"[patches/02.patch]":        `a [x]/pkg.yaml:5:15: no file of the package directory is named patches/02.patch; did you mean "patches/01.patch"?`,
		"[patches/nested/*.patch]":  "a [x]/pkg.yaml:5:15: no file of the package directory is named patches/nested/*.patch",
		"[patches]":                 "a [x]/pkg.yaml:5:15: no file of the package directory is named patches",
		"[pkg.yaml]":                "a [x]/pkg.yaml:5:15: no file of the package directory is named pkg.yaml",
		"[patches/01.patch.tmpl]":   `a [x]/pkg.yaml:5:15: no file of the package directory is named patches/01.patch.tmpl; did you mean "patches/01.patch"?`,
		"[patches/broken.diff]":     "a [x]/pkg.yaml:5:15: patch patches/broken.diff:3: the patch ends within this hunk: 1 of 1 and 0 of 1 lines are there",
		"[{source: upp.diff}]":      `a [x]/pkg.yaml:5:24: no source of the step puts a file upp.diff there; did you mean "up.diff"?`,
		"[../outside.patch, .x, b]": `a [x]/pkg.yaml:5:15: patch "../outside.patch" is not in the package directory`,
	} {
		_, err := tree.Load(patchTree(patches))

		all := document.Join("", err)
		if len(all) == 0 {
			t.Errorf("%s is accepted", patches)

			continue
		}

		got, _, _ := strings.Cut(all[0].Error(), "\n")
		if got != want {
			t.Errorf("%s: got\n%s, want\n%s", patches, got, want)
		}
	}
}
