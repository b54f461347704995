package graph_test

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

func TestViews(t *testing.T) {
	treetest.Each(t, "testdata/good/*.txt", func(t *testing.T, a *treetest.Archive) {
		g, err := load(t, a)
		if err != nil {
			t.Fatal(err)
		}

		var text, dot, js, inputs strings.Builder

		for name, write := range map[string]func() error{
			"text": func() error { return g.WriteText(&text) },
			"dot":  func() error { return g.WriteDOT(&dot) },
			"json": func() error { return g.WriteJSON(&js) },
		} {
			if err := write(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}

		for _, n := range g.Packages() {
			fmt.Fprintf(&inputs, "%s:", n)

			for _, e := range n.Inputs() {
				name := e.Image + e.Lock()
				if e.Node != nil {
					name = e.Node.String()
				}

				fmt.Fprintf(&inputs, " %s→%s", name, e.Target())
			}

			inputs.WriteString("\n")
		}

		a.Want(t, "text", text.String())
		a.Want(t, "inputs", inputs.String())
		a.Want(t, "dot", dot.String())
		a.Want(t, "json", js.String())
	})
}

func names(nodes []*graph.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}

	return all
}

func TestQueries(t *testing.T) {
	a := treetest.Parse(`
-- pkg.yaml --
format: v1alpha2
-- a/pkg.yaml --
name: a
-- b/pkg.yaml --
name: b
dependencies: [{stage: a}]
-- c/pkg.yaml --
name: c
dependencies: [{stage: a}, {stage: b}]
-- d/pkg.yaml --
name: d
dependencies: [{stage: a}]
`)

	g, err := load(t, a)
	if err != nil {
		t.Fatal(err)
	}

	for what, test := range map[string]struct{ got, want []string }{
		"packages":           {names(g.Packages()), []string{"a", "b", "c", "d"}},
		"leaves":             {names(g.Leaves()), []string{"c", "d"}},
		"targets":            {names(g.Targets), []string{"c", "d"}},
		"closure":            {names(g.Closure("b")), []string{"a", "b"}},
		"closure of nothing": {names(g.Closure("x")), nil},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}

	if n := g.Find("x"); n != nil {
		t.Errorf("found %v", n)
	}

	part, err := g.Dependents("b")
	if err != nil {
		t.Fatal(err)
	}

	var text strings.Builder
	if err := part.WriteText(&text); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff("b (b)\nc (c)\n  b\n", text.String()); diff != "" {
		t.Errorf("dependents of b (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, names(g.Packages())); diff != "" {
		t.Errorf("the graph has changed (-want +got):\n%s", diff)
	}

	if _, err := g.Dependents("bb"); err == nil || err.Error() != `the graph has no package "bb"; did you mean "b"?` {
		t.Errorf("got %v", err)
	}
}

// The picture is XML, has a box for everything, and no line goes back.
func TestSVG(t *testing.T) {
	treetest.Each(t, "testdata/good/*.txt", func(t *testing.T, a *treetest.Archive) {
		g, err := load(t, a)
		if err != nil {
			t.Fatal(err)
		}

		var b strings.Builder
		if err := g.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}

		var picture struct {
			Rects []struct{} `xml:"rect"`
			Texts []string   `xml:"text"`
			Paths []struct {
				D string `xml:"d,attr"`
			} `xml:"path"`
		}

		if err := xml.Unmarshal([]byte(b.String()), &picture); err != nil {
			t.Fatal(err)
		}

		if len(picture.Rects) != len(picture.Texts)+1 {
			t.Errorf("%d boxes and %d labels", len(picture.Rects)-1, len(picture.Texts))
		}

		for _, n := range g.Packages() {
			if slices.Contains(picture.Texts, n.String()) == n.Hidden() {
				t.Errorf("%s: hidden %v, labels %v", n, n.Hidden(), picture.Texts)
			}
		}

		for _, p := range picture.Paths {
			var n [8]float64
			if _, err := fmt.Sscanf(p.D, "M%f %f C%f %f %f %f %f %f", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7]); err != nil {
				t.Fatal(err)
			}

			if n[6] <= n[0] {
				t.Errorf("the line %s goes back", p.D)
			}
		}
	})
}

// A thousand packages, each needing the ten before it, resolve without
// repeating work; a chain as long does not exhaust the stack.
func TestLargeGraph(t *testing.T) {
	files := fstest.MapFS{"pkg.yaml": {Data: []byte("format: v1alpha2\n")}}

	const count = 1000

	for i := range count {
		var b strings.Builder

		fmt.Fprintf(&b, "name: p%04d\ndependencies:\n", i)

		for j := max(0, i-10); j < i; j++ {
			fmt.Fprintf(&b, "  - stage: p%04d\n    runtime: true\n", j)
		}

		if i == 0 {
			b.WriteString("  - image: example.org/x\n")
		}

		files[fmt.Sprintf("p%d/pkg.yaml", i)] = &fstest.MapFile{Data: []byte(b.String())}
	}

	loaded, err := tree.Load(tree.Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{fmt.Sprintf("p%04d", count-1)})
	if err != nil {
		t.Fatal(err)
	}

	if got := len(g.Packages()); got != count {
		t.Errorf("%d packages", got)
	}

	if got := len(g.Targets[0].Inputs()); got != count-1 {
		t.Errorf("%d inputs, want each package but the target", got)
	}
}

func FuzzTree(f *testing.F) {
	for _, seed := range []string{
		"name: a\n", "name: {{ .ARCH }}\ndependencies:\n  - stage: b\n", "name: a\ndependencies:\n  - stage: a\n",
		"steps:\n  - sources:\n      - url: https://x/y\n    build: [x]\n", "name: a\nfinalize: [{}]\nsteps: [{test: [x], sbom: {outputPath: /x}}]\n",
		"&a a: *a", "{{ range . }}\n{{ . }}: x\n{{ end }}", "name: a\nbuildPlatform: linux/arm64\nvariant: alpine\ninstall: [x]\n",
		"name: a\nimage: {entrypoint: [/x], env: {A: b}}\nsteps: [{sources: [{local: .}], env: {A: ~}, cachePaths: [/x], network: host}]\nfinalize: [~]\n",
	} {
		f.Add([]byte(seed), []byte("A: {{ .ARCH }}\n"), []byte("vars: {A: 1}\nepoch: 0\n"))
	}

	// The bad trees are seeds, too, as far as they have such documents.
	for _, pattern := range []string{"testdata/bad/*.txt", "testdata/bad/*/*.txt"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}

		for _, path := range paths {
			if strings.Contains(path, "bomb") {
				continue // slow by intent, and a part of TestBadTrees
			}

			if files := treetest.Read(f, path).FS(); files["a/pkg.yaml"] != nil {
				var vars []byte
				if files["a/vars.yaml"] != nil {
					vars = files["a/vars.yaml"].Data
				}

				f.Add(files["a/pkg.yaml"].Data, vars, []byte("vars: {A: 1}\n"))
			}
		}
	}

	f.Fuzz(func(t *testing.T, recipe, vars, root []byte) {
		opts := tree.Options{FS: fstest.MapFS{
			"pkg.yaml":     {Data: append([]byte("format: v1alpha2\n"), root...)},
			"a/pkg.yaml":   {Data: recipe},
			"a/vars.yaml":  {Data: vars},
			"a/x.tmpl":     {Data: recipe},
			"b/pkg.yaml":   {Data: []byte("name: b\n")},
			"c/d/pkg.yaml": {Data: []byte("name: {{ .ARCH }}\n")},
		}}

		g, err := graph.Load(opts, nil)
		if err != nil {
			_ = err.Error()

			return
		}

		for _, n := range g.Packages() {
			n.Inputs()
		}
	})
}
