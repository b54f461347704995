package lint_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/tree"
)

var update = flag.Bool("update", false, "write the pages anew")

const docs = "../../docs/lint"

// check lints a tree with one recipe.
func check(t *testing.T, rootFile, recipe string) []lint.Finding {
	t.Helper()

	loaded, err := tree.Load(tree.Options{FS: fstest.MapFS{
		rootFile:     {Data: []byte("format: v1alpha2\n")},
		"go.sum":     {Data: []byte("")},
		"a/pkg.yaml": {Data: []byte(recipe)},
	}})
	if err != nil {
		t.Fatal(err)
	}

	return lint.Check(loaded)
}

func rules(findings []lint.Finding) []string {
	var names []string
	for _, f := range findings {
		names = append(names, f.Rule.Name)
	}

	return names
}

// Each rule finds its own example, and nothing in what it asks for instead.
func TestExamples(t *testing.T) {
	for _, r := range lint.Rules {
		t.Run(r.Name, func(t *testing.T) {
			rootFile := "pkg.yaml"
			if r.Name == "empty-output" {
				rootFile = "Pkgfile"
			}

			if found := rules(check(t, rootFile, r.Bad)); !slices.Contains(found, r.Name) {
				t.Errorf("the example is not found, only %v", found)
			}

			if found := rules(check(t, rootFile, r.Good)); slices.Contains(found, r.Name) {
				t.Errorf("the good example is found: %v", found)
			}

			for what, text := range map[string]string{"description": r.Description, "why": r.Why, "instead": r.Instead} {
				if text == "" {
					t.Errorf("the rule has no %s", what)
				}
			}
		})
	}

	if !slices.IsSortedFunc(lint.Rules, func(a, b *lint.Rule) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the rules are not in order of name")
	}
}

func TestSilence(t *testing.T) {
	for name, test := range map[string]struct {
		recipe string
		want   []string
	}{
		"above": {"name: a\ndependencies:\n  # lint: unpinned-image: never moved\n  - image: example.org/x:1\n", nil},
		"above with more comments": {
			"name: a\ndependencies:\n  # lint: unpinned-image: never moved\n  # Tools.\n\n  - image: example.org/x:1\n", nil,
		},
		"beside": {"name: a\ndependencies:\n  - image: example.org/x:1 # lint: unpinned-image: never moved\n", nil},
		"two":    {"name: a\ndependencies: # lint: x\n  - image: example.org/x:1\n", []string{"2:15 silence", "3:12 unpinned-image"}},
		"other rule": {
			"name: a\ndependencies:\n  # lint: network: no\n  - image: example.org/x:1\n", []string{"3:3 silence", "4:12 unpinned-image"},
		},
		"no reason": {
			"name: a\ndependencies:\n  # lint: unpinned-image\n  - image: example.org/x:1\n", []string{"3:3 silence", "4:12 unpinned-image"},
		},
		"too far": {
			"# lint: unpinned-image: x\nname: a\ndependencies:\n  - image: example.org/x:1\n", []string{"1:1 silence", "4:12 unpinned-image"},
		},
		"only once": {
			"name: a\ndependencies:\n  # lint: unpinned-image: x\n  - image: example.org/x:1\n  - image: example.org/y:1\n",
			[]string{"5:12 unpinned-image"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range check(t, "pkg.yaml", test.recipe) {
				got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Rule.Name))
			}

			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is said about comments that silence nothing.
func TestSilenceMessages(t *testing.T) {
	for comment, want := range map[string]string{
		"lint: unpined-image: never moved": `no lint rule is named "unpined-image"; did you mean "unpinned-image"?`,
		"lint: nothing: x":                 `no lint rule is named "nothing"`,
		"lint:":                            `no lint rule is named ""`,
		"lint: unpinned-image":             "the comment gives no reason: write `lint: unpinned-image: REASON`",
		"lint: unpinned-image:  ":          "the comment gives no reason: write `lint: unpinned-image: REASON`",
		"lint: network: it is needed":      "there is no finding of network here to silence",
	} {
		found := check(t, "pkg.yaml", "name: a\ndependencies:\n  # "+comment+"\n  - image: example.org/x:1\n")

		got, _, _ := strings.Cut(found[0].Error.Error(), "\n")
		if want = "a/pkg.yaml:3:3: " + want; got != want || found[0].Rule.Name != "silence" || len(found) != 2 {
			t.Errorf("%s: got %s (%d findings)", comment, got, len(found))
		}
	}
}

func TestPages(t *testing.T) {
	pages := lint.Pages()

	for name, text := range pages {
		path := filepath.Join(docs, name)

		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}

			continue
		}

		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("%s is out of date, run go test ./forge/lint -update (-want +got):\n%s", name, diff)
		}
	}

	entries, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}

	for _, e := range entries {
		if pages[e.Name()] == "" {
			t.Errorf("%s is the page of no rule", e.Name())
		}
	}
}
