package graph_test

import (
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

// load loads and resolves a tree of the test data for linux/amd64, or for what
// its comment says.
func load(t testing.TB, a *treetest.Archive) (*graph.Graph, error) {
	t.Helper()

	target, err := tree.ParsePlatform(a.Setting("platform", "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}

	build, err := tree.ParsePlatform(a.Setting("build", "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}

	opts := tree.Options{Platform: target, BuildPlatform: build, Args: map[string]string{}}

	if a.HasLinks() {
		dir := t.TempDir()
		a.Write(t, dir)
		t.Chdir(dir)
	} else {
		opts.FS = a.FS()
	}

	for _, arg := range strings.Fields(a.Setting("args", "")) {
		name, value, _ := strings.Cut(arg, "=")
		opts.Args[name] = value
	}

	return graph.Load(opts, strings.Fields(a.Setting("targets", "")))
}

func TestBadTrees(t *testing.T) {
	for _, pattern := range []string{"testdata/bad/*.txt", "testdata/bad/*/*.txt"} {
		treetest.Each(t, pattern, func(t *testing.T, a *treetest.Archive) {
			_, err := load(t, a)
			if err == nil {
				t.Fatal("the tree is accepted")
			}

			a.Want(t, "", err.Error())
		})
	}
}
