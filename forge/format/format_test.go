package format_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/format"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

func TestFormat(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"lists and spaces": {
			"name:   a  \nsteps:\n-   build:\n    -   make\n    - |\n      one\n        two\n    install:\n    - x\nfinalize:\n- from: /\n",
			"name: a\nsteps:\n  - build:\n      - make\n      - |\n        one\n          two\n    install:\n      - x\nfinalize:\n  - from: /\n",
		},
		"four spaces": {
			"steps:\n    - sources:\n          # one\n          - url: x\n            sha256: y\n      prepare:\n          - |\n              mkdir\n\n              tar\nfinalize:\n    - {}\n",
			"steps:\n  - sources:\n      # one\n      - url: x\n        sha256: y\n    prepare:\n      - |\n        mkdir\n\n        tar\nfinalize:\n  - {}\n",
		},
		"templates": {
			"# {{/* head */}}\n{{- $x := 1 }}\nname: {{ .A }}\nsteps:\n- build:\n  {{ if .B }}\n  - |\n    a\n{{- if .C }}\n    b   \n{{- end }}\n    c\n  {{ end }}\nfinalize: [{}]\n",
			"# {{/* head */}}\n{{- $x := 1 }}\nname: {{ .A }}\nsteps:\n  - build:\n  {{ if .B }}\n      - |\n        a\n{{- if .C }}\n        b   \n{{- end }}\n        c\n  {{ end }}\nfinalize: [{}]\n",
		},
		"blank lines and line ends": {"\n\na: b\r\n\n\n\nc: d\n\n\n", "a: b\n\nc: d\n"},
		"flow over lines":           {"a:\n    b: [x,\n        y]\n    c: \"q\n      r\"\n", "a:\n  b: [x,\n      y]\n  c: \"q\n    r\"\n"},
		"keep chomping":             {"a: |+\n  x\n\n\nb: c\n", "a: |+\n  x\n\n\nb: c\n"},
		"explicit indentation":      {"a:\n    b: |2\n          x\n", "a:\n  b: |2\n        x\n"},
		"comments":                  {"a:\n    # one\n    b: c # two\n    # three\n# four\nd: e\n    # five\n", "a:\n  # one\n  b: c # two\n  # three\n# four\nd: e\n    # five\n"},
		"not YAML":                  {"a: [\nb:   c\n", "a: [\nb:   c\n"},
		"dashes alone":              {"steps:\n-\n  build:\n    - x\n- test: [y]\n", "steps:\n  -\n    build:\n      - x\n  - test: [y]\n"},
		"lists in lists":            {"a:\n- - x\n  - y\n- - z\n", "a:\n  - - x\n    - y\n  - - z\n"},
		"documents":                 {"---\na:   b\n", "---\na: b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := format.Format([]byte(test.in))
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}

			if again := format.Format(got); !bytes.Equal(got, again) {
				t.Errorf("formatting twice differs:\n%s", cmp.Diff(string(got), string(again)))
			}
		})
	}
}

// meaning is a document without its form.
func meaning(t *testing.T, text []byte) any {
	t.Helper()

	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}

	return v
}

// check formats the recipes of a tree and compares what they mean.
func check(t *testing.T, loaded *tree.Tree) {
	t.Helper()

	for _, name := range loaded.Names() {
		p := loaded.Packages[name]
		got := format.Format(p.Raw)

		if again := format.Format(got); !bytes.Equal(got, again) {
			t.Errorf("%s: formatting twice differs:\n%s", p.File, cmp.Diff(string(got), string(again)))
		}

		before, err := render.Render(p.File, p.Raw, p.Vars)
		if err != nil {
			t.Fatal(err)
		}

		after, err := render.Render(p.File, got, p.Vars)
		if err != nil {
			t.Errorf("%s can't be rendered any more: %v", p.File, err)

			continue
		}

		if diff := cmp.Diff(meaning(t, before.Text), meaning(t, after.Text)); diff != "" {
			t.Errorf("%s means something else (-before +after):\n%s", p.File, diff)
		}
	}
}

func TestOwnTree(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		target, err := tree.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}

		loaded, err := tree.Load(tree.Options{Dir: "../..", Platform: target})
		if err != nil {
			t.Fatal(err)
		}

		check(t, loaded)
	}
}

func TestTestData(t *testing.T) {
	treetest.Each(t, "../lower/testdata/*.txt", func(t *testing.T, a *treetest.Archive) {
		opts := tree.Options{FS: a.FS(), Args: map[string]string{}}

		for _, arg := range strings.Fields(a.Setting("args", "")) {
			name, value, _ := strings.Cut(arg, "=")
			opts.Args[name] = value
		}

		loaded, err := tree.Load(opts)
		if err != nil {
			t.Fatal(err)
		}

		check(t, loaded)
	})
}

func FuzzFormat(f *testing.F) {
	_ = filepath.WalkDir("../../toolchain", func(path string, _ fs.DirEntry, _ error) error {
		if filepath.Base(path) == "pkg.yaml" {
			if text, err := os.ReadFile(path); err == nil {
				f.Add(text)
			}
		}

		return nil
	})

	for _, seed := range []string{"a: |\n x\n", "- - a\n", "{{", "a: \"\n", "? a\n: b\n", "a:\n- b\n c", "- a: |\n\n\n   x\n  y\n"} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(_ *testing.T, text []byte) {
		format.Format(text)
	})
}
