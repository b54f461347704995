package lint_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/tree"
)

// What is found in a reusable step is found once, where it stands, and can be
// silenced there. The outputs of a recipe are looked at once, with it.
func TestReusableSteps(t *testing.T) {
	loaded, err := tree.Load(tree.Options{FS: fstest.MapFS{
		"pkg.yaml": {Data: []byte(`format: v1alpha2
steps:
  fetch:
    prepare:
      - cd x
    # lint: lost-state: the last one counts
    build: [cd y]
    # lint: network
    # lint: version: nothing of the kind
`)},
		"a/pkg.yaml": {Data: []byte("name: a\nsteps: [{use: fetch, build: [cd z]}]\nfinalize: [{}]\noutputs: [{name: a-dev, finalize: [{}]}]\n")},
		"b/pkg.yaml": {Data: []byte("name: b\nsteps:\n  - use: fetch\n    # lint: lost-state: mine\n    install: [cd]\nfinalize: [{}]\n")},
	}})
	if err != nil {
		t.Fatal(err)
	}

	var found []string
	for _, f := range lint.Check(loaded) {
		found = append(found, f.Rule.Name+": "+f.Error.Error())
	}

	want := []string{
		"lost-state: a/pkg.yaml:2:30: the instruction only changes its shell, which ends with it\n    2 | steps: [{use: fetch, build: [cd z]}]\n      |                              ^",
		"lost-state: pkg.yaml:5:9: the instruction only changes its shell, which ends with it\n    5 |       - cd x\n      |         ^",
		"silence: pkg.yaml:8:5: the comment gives no reason: write `lint: network: REASON`\n    8 |     # lint: network\n      |     ^",
		"silence: pkg.yaml:9:5: there is no finding of version here to silence\n    9 |     # lint: version: nothing of the kind\n      |     ^",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
