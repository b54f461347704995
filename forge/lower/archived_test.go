package lower_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// Where BuildKit fetches sources itself, it fetches commits and images, but
// can't unpack Debian's source packages.
func TestSourcesWithoutStore(t *testing.T) {
	sums := "\n        sha256: " + strings.Repeat("a", 64) + "\n        sha512: " + strings.Repeat("b", 128) + "\n"
	commit := strings.Repeat("0a", 20)

	compile := func(source string) (string, error) {
		loaded, err := tree.Load(tree.Options{FS: fstest.MapFS{"pkg.yaml": {Data: []byte("format: v1alpha2\n")}, "a/pkg.yaml": {Data: []byte(
			"name: a\nsteps:\n  - sources:\n      - " + source + "finalize: [{}]\n")}}})
		if err != nil {
			t.Fatal(err)
		}

		g, err := graph.Resolve(loaded, nil)
		if err != nil {
			t.Fatal(err)
		}

		result, err := lower.Lower(context.Background(), g, "a", lower.Options{HTTP: true})
		if err != nil {
			return "", err
		}

		text, err := lower.Transcript(result.Definition)
		if err != nil {
			t.Fatal(err)
		}

		return text, nil
	}

	text, err := compile("git: https://example.org/x.git\n        from: lib\n        commit: " + commit + sums)
	if err != nil {
		t.Fatal(err)
	}

	for _, want := range []string{
		"[a] fetch x 0a0a0a0a0a0a", "git://example.org/x.git#" + commit, "git.checksum=" + commit, "git.skipsubmodules=true", ":/lib → /tmp/build",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the definition has no %s:\n%s", want, text)
		}
	}

	_, err = compile("debian: https://example.org/x.dsc" + sums)
	if err == nil || !strings.HasPrefix(err.Error(), "a/pkg.yaml:4:17: BuildKit itself can't unpack a Debian source package") {
		t.Errorf("got %v", err)
	}
}
