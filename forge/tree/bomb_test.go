package tree_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

// most is how much memory a small hostile tree may make the loader allocate, in
// total: with the race detector, about half of it.
const most = 1 << 30

// doubling is a document with levels that name the one before ten times.
func doubling(first, level string) string {
	var b strings.Builder

	b.WriteString(first)

	for i := 1; i < 12; i++ {
		item := fmt.Sprintf("*a%d, ", i-1)
		fmt.Fprintf(&b, level, i, strings.TrimSuffix(strings.Repeat(item, 10), ", "))
	}

	return b.String()
}

// Hostile documents are refused in bounded time and memory, and the finding has
// the place. Time is bounded by what is counted: steps, bytes, nodes.
func TestBombs(t *testing.T) {
	const root = "format: v1alpha2\n"

	large := strings.Repeat("x", 1<<20)

	for name, test := range map[string]struct {
		files fstest.MapFS
		file  string
		want  string
	}{
		"recursion": {
			files("a/pkg.yaml", "name: a\n{{ define \"b\" }}{{ template \"b\" . }}{{ end }}\n{{ template \"b\" . }}\n"),
			"a/pkg.yaml", "templates call each other more than 100 deep",
		},
		"mutual recursion": {
			files("a/pkg.yaml", "name: a\n{{ define \"b\" }}{{ template \"c\" . }}{{ end }}{{ define \"c\" }}{{ template \"b\" . }}{{ end }}\n{{ template \"b\" . }}\n"),
			"a/pkg.yaml", "templates call each other more than 100 deep",
		},
		"endless loop": {
			files("a/pkg.yaml", "name: a\n{{ range 2000000000 }}{{ end }}\n"),
			"a/pkg.yaml", "does not come to an end within",
		},
		"output of a loop": {
			files("a/vars.yaml", "{{ range until 100000 }}A{{ . }}: {{ repeat 1000 \"x\" }}\n{{ end }}", "a/pkg.yaml", "name: a\n"),
			"a/vars.yaml", "larger than",
		},
		"one huge value": {
			files("a/pkg.yaml", "name: a\n", "a/x.tmpl", "{{ repeat 2000000000 \"x\" }}"),
			"a/x.tmpl", "would be larger than",
		},
		"a variable many times": {
			files("vars.yaml", "A: "+large+"\n", "a/pkg.yaml", "name: a\nversion: '"+strings.Repeat("{{ .A }}", 100_000)+"'\n"),
			"a/pkg.yaml", "the rendered text is larger than",
		},
		"variables that double": {
			doublingDirectories(), "", "the rendered text is larger than",
		},
		"aliases of lists": {
			files("a/pkg.yaml", "name: a\nx: !!int 1\n"+doubling("x0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", "x%[1]d: &a%[1]d [%[2]s]\n")),
			"a/pkg.yaml", "aliases expand to more than",
		},
		"aliases of merged mappings": {
			files("a/pkg.yaml", "name: a\n"+doubling("x0: &a0 {a: 1, b: 2}\n", "x%[1]d: &a%[1]d {<<: [%[2]s]}\n")),
			"a/pkg.yaml", "aliases expand to more than",
		},
		"aliases in variables": {
			files("a/vars.yaml", doubling("x0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", "x%[1]d: &a%[1]d [%[2]s]\n"), "a/pkg.yaml", "name: a\n"),
			"a/vars.yaml", "aliases expand to more than",
		},
		"a value in itself": {
			files("a/pkg.yaml", "name: &a [*a]\n"),
			"a/pkg.yaml", "contains itself",
		},
		"deep lists":          {files("a/pkg.yaml", "name: "+strings.Repeat("[", 1<<20)+"\n"), "a/pkg.yaml", "exceeded max depth"},
		"deep mappings":       {files("a/pkg.yaml", strings.Repeat("{a: ", 1<<18)+"\n"), "a/pkg.yaml", "exceeded max depth"},
		"deep block lists":    {files("a/pkg.yaml", strings.Repeat("- ", 1<<19)+"x\n"), "a/pkg.yaml", "exceeded max depth"},
		"deep block mappings": {files("a/pkg.yaml", stairs(1500)), "a/pkg.yaml", "unknown key"},
		"many entries":        {files("a/pkg.yaml", "name: a\nlicenses:\n"+strings.Repeat("- a\n", 1<<18)+"nmae: b\n"), "a/pkg.yaml", "did you mean \"name\"?"},
		"many mistakes":       {files("a/pkg.yaml", "name: a\n"+numbered(100_000, "k%d: 1\n")), "a/pkg.yaml", "unknown key"},
		"many comments":       {files("a/pkg.yaml", strings.Repeat("# x\n", 1<<18)+"nmae: a\n"), "a/pkg.yaml", "unknown key"},
		"many documents":      {files("a/pkg.yaml", "name: a\n"+strings.Repeat("---\na: 1\n", 1<<16)), "a/pkg.yaml", "one YAML document is expected"},
		"a long document":     {files("a/pkg.yaml", "name: a\n#"+strings.Repeat("x", 2<<20)+"\n"), "a/pkg.yaml", "the file is larger than 2 MiB"},
		"a long template":     {files("a/pkg.yaml", "name: a\n", "a/x.tmpl", strings.Repeat("x", 3<<20)), "a/x.tmpl", "the file is larger than 2 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			test.files["pkg.yaml"] = &fstest.MapFile{Data: []byte(root)}

			var before, after runtime.MemStats

			runtime.ReadMemStats(&before)

			_, err := tree.Load(tree.Options{FS: test.files})

			runtime.ReadMemStats(&after)

			var found document.Errors
			if !errors.As(err, &found) {
				t.Fatalf("got %v", err)
			}

			if test.file != "" && found[0].File != test.file || !strings.Contains(found[0].Error(), test.want) {
				t.Errorf("got %.500s, want one in %s: %s", found[0], test.file, test.want)
			}

			// A file that is too large was not read, so there is no place.
			if found[0].Line == 0 && !strings.Contains(test.want, "the file is larger") {
				t.Errorf("%s has no place", found[0])
			}

			if len(err.Error()) > 1<<20 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}

			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%d MiB were allocated", used>>20)
			} else {
				t.Logf("%d MiB were allocated", used>>20)
			}
		})
	}
}

// doublingDirectories is a tree in which each level doubles a variable of the
// one above.
func doublingDirectories() fstest.MapFS {
	tree := fstest.MapFS{"vars.yaml": {Data: []byte("A: " + strings.Repeat("x", 1000) + "\n")}}
	dir := ""

	for i := range 40 {
		dir += fmt.Sprintf("%d/", i)
		tree[dir+"vars.yaml"] = &fstest.MapFile{Data: []byte("A: {{ .A }}{{ .A }}\n")}
	}

	tree[dir+"pkg.yaml"] = &fstest.MapFile{Data: []byte("name: a\n")}

	return tree
}

// stairs is a mapping in a mapping in a mapping.
func stairs(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}

	return b.String()
}

func numbered(count int, format string) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, format, i)
	}

	return b.String()
}
