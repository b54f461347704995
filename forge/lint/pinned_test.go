package lint_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/tree"
)

// What akmon.lock.yaml pins need not be pinned in the recipe.
func TestPinnedByTheLock(t *testing.T) {
	const lock = "format: v1alpha1\nimages:\n  - ref: example.org/tools:v1\n    digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"

	for text, want := range map[string]bool{lock: false, "format: v1alpha1\n": true, "broken": true} {
		loaded, err := tree.Load(tree.Options{FS: fstest.MapFS{
			"pkg.yaml":        {Data: []byte("format: v1alpha2\n")},
			"akmon.lock.yaml": {Data: []byte(text)},
			"a/pkg.yaml":      {Data: []byte("name: a\ndependencies:\n  - image: example.org/tools:v1\n")},
		}})
		if err != nil {
			t.Fatal(err)
		}

		if got := slices.Contains(rules(lint.Check(loaded)), "unpinned-image"); got != want {
			t.Errorf("%q: found %t, want %t", text, got, want)
		}
	}
}
