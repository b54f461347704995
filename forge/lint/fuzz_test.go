package lint_test

import (
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/tree"
)

func FuzzCheck(f *testing.F) {
	for _, r := range lint.Rules {
		f.Add([]byte(r.Bad))
		f.Add([]byte(r.Good))
	}

	f.Add([]byte("name: a # lint: x: y\n# lint:\n#lint: network: \xff\n"))

	f.Fuzz(func(_ *testing.T, recipe []byte) {
		t, err := tree.Load(tree.Options{FS: fstest.MapFS{
			"Pkgfile": {Data: []byte("format: v1alpha2\n")}, "go.sum": {}, "a/pkg.yaml": {Data: recipe},
		}})
		if err != nil {
			return
		}

		for _, found := range lint.Check(t) {
			_ = found.Error.Error()
		}
	})
}
