package synthetic_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/synthetic"
)

func load(t *testing.T, opts tree.Options) *graph.Graph {
	t.Helper()

	loaded, err := tree.Load(opts)
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{synthetic.All})
	if err != nil {
		t.Fatal(err)
	}

	return g
}

// Trees of all sizes are valid, and what the package comment says holds.
func TestTrees(t *testing.T) {
	for _, count := range []int{0, 1, 30, 1000} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range synthetic.Files(count) {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}

			g := load(t, tree.Options{FS: files})

			if got := len(g.Packages()); got != count+1 && got != count+2 { // without packages nothing needs the base
				t.Errorf("there are %d packages", got)
			}

			if count < 1000 {
				return
			}

			edges, runtime, needed := 0, 0, map[string]int{}

			for _, n := range g.Packages() {
				if n.Name == synthetic.All {
					continue
				}

				for _, e := range n.Edges {
					if e.Node != nil && e.Stage != "base" {
						edges++
						needed[e.Stage]++
					}

					if e.Runtime {
						runtime++
					}
				}
			}

			if edges < 2*count || edges > 4*count || runtime < edges/20 || runtime > edges/4 || needed["lib00000"] < count/20 || len(needed) < count/2 {
				t.Errorf("%d dependencies, %d of them for the run time; the first package is needed by %d, of all %d are needed", edges, runtime, needed["lib00000"], len(needed))
			}
		})
	}
}

func TestSameTreeAgain(t *testing.T) {
	if diff := cmp.Diff(synthetic.Files(60), synthetic.Files(60)); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}

	dir := t.TempDir()
	if err := synthetic.Write(dir, 60); err != nil {
		t.Fatal(err)
	}

	if got := len(load(t, tree.Options{Dir: dir}).Packages()); got != 62 {
		t.Errorf("the written tree has %d packages", got)
	}

	if err := synthetic.Write(dir+"/none\x00", 1); err == nil {
		t.Error("a tree was written to a directory that can't be")
	}
}
