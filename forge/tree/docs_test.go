package tree_test

import (
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

// page gives the tree that the examples of docs/package-tree.md make.
func page(t *testing.T) fstest.MapFS {
	t.Helper()

	return treetest.Examples(t, "../../docs/package-tree.md")
}

// The examples of the page are a valid tree, and the table of variables is
// right.
func TestPage(t *testing.T) {
	files := page(t)

	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		target, err := tree.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}

		loaded, err := tree.Load(tree.Options{FS: files, Platform: target, BuildPlatform: amd64})
		if err != nil {
			t.Fatal(err)
		}

		for _, name := range loaded.Names() {
			p := loaded.Packages[name]

			rendered, err := render.Render(p.File, p.Raw, p.Vars)
			if err != nil {
				t.Fatal(err)
			}

			valid(t, "pkg", p.File, rendered.Text)
		}

		valid(t, "root", loaded.RootFile, loaded.RootRaw)

		if platform != "linux/amd64" {
			continue
		}

		text, err := os.ReadFile("../../docs/package-tree.md")
		if err != nil {
			t.Fatal(err)
		}

		for name, value := range loaded.Env() {
			row := regexp.MustCompile("\n\\| [^\n|]*`" + name + "`[^\n|]*\\| `" + regexp.QuoteMeta(value) + "` \\|")
			if !row.Match(text) {
				t.Errorf("the table does not say that %s is %s", name, value)
			}
		}
	}

	// As written, the recipe with a modeline is valid, too.
	valid(t, "pkg", "editor/pkg.yaml", files["editor/pkg.yaml"].Data)
}
