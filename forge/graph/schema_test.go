package graph_test

import (
	"path"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/forge/tree/treetest"
	"github.com/akmon-os/akmon/schemas/jsonschema/schematest"
)

// schemaOf is the schema that an editor checks a file of a tree by, or "".
func schemaOf(a *treetest.Archive, file string) string {
	_, hasPkgfile := a.FS()["Pkgfile"]

	switch {
	case file == "Pkgfile", file == "pkg.yaml" && !hasPkgfile:
		return "root"
	case path.Base(file) == "pkg.yaml":
		return "pkg"
	case path.Base(file) == "vars.yaml":
		return "vars"
	default:
		return ""
	}
}

// refused gives what the schemas say of the documents of a tree as they are
// written, which is what an editor sees.
func refused(t *testing.T, a *treetest.Archive) (all []string) {
	t.Helper()

	for file, content := range a.FS() {
		schema := schemaOf(a, file)
		if schema == "" || strings.Contains(file, " -> ") {
			continue
		}

		if err := schematest.Validate(t, schema, string(content.Data)); err != nil {
			all = append(all, file+": "+err.Error())
		}
	}

	return all
}

// A mistake that one document shows, its schema finds, too. The trees of which
// it can't be known from one document alone, or not before it is rendered, say
// so: "schema: blind".
func TestBadTreesAndSchemas(t *testing.T) {
	for _, pattern := range []string{"testdata/bad/*.txt", "testdata/bad/*/*.txt"} {
		treetest.Each(t, pattern, func(t *testing.T, a *treetest.Archive) {
			found := refused(t, a)

			switch blind := a.Setting("schema", "") == "blind"; {
			case blind && len(found) > 0:
				t.Errorf("the schema finds it after all: %v", found)
			case !blind && len(found) == 0:
				t.Error("the schema does not find it; if no schema can, say `schema: blind` above the first section")
			}
		})
	}
}

// Every document of a tree that is right is valid once it is rendered.
func TestGoodTreesAndSchemas(t *testing.T) {
	for _, pattern := range []string{"testdata/good/*.txt", "../lower/testdata/*.txt"} {
		treetest.Each(t, pattern, func(t *testing.T, a *treetest.Archive) {
			g, err := load(t, a)
			if err != nil {
				t.Fatal(err)
			}

			if err := schematest.Validate(t, "root", string(g.Tree.RootRaw)); err != nil {
				t.Errorf("%s: %v", g.Tree.RootFile, err)
			}

			for _, name := range g.Tree.Names() {
				p := g.Tree.Packages[name]

				rendered, err := render.Render(p.File, p.Raw, p.Vars)
				if err != nil {
					t.Fatal(err)
				}

				if err := schematest.Validate(t, "pkg", string(rendered.Text)); err != nil {
					t.Errorf("%s: %v", p.File, err)
				}
			}
		})
	}
}
