package compare_test

import (
	"maps"
	"strings"
	"testing"
)

// A change of what one output takes builds that one again, and no other; a
// change of the steps builds all.
func TestChangesOfOutputs(t *testing.T) {
	const recipe = `name: lib
steps: [{build: [make]}]
finalize: [{from: /bin}]
outputs:
  - name: lib-dev
    runtime: [{stage: lib}]
    finalize: [{from: /include}]
  - name: lib-doc
    finalize: [{from: /man}]
`

	tree := map[string]string{
		"pkg.yaml":     "format: v1alpha2\nsteps: {greet: {parameters: {who: }, build: ['echo {{ .who }}']}, other: {build: [x]}}\n",
		"lib/pkg.yaml": recipe,
		"app/pkg.yaml": "name: app\ndependencies: [{stage: lib-dev}]\nsteps: [{use: greet, with: {who: me}}]\nfinalize: [{from: /rootfs}]\n",
	}

	for name, test := range map[string]struct {
		file, old, new string
		want           string
	}{
		"steps": {
			"lib/pkg.yaml", "[make]", "[make all]",
			"changed lib: build 1/1: make all, finalize, build 1/1: make (gone)\nchanged lib-dev; through lib\nchanged app; through lib-dev, lib\nchanged lib-doc; through lib\n",
		},
		"one output":      {"lib/pkg.yaml", "/man", "/share/man", "changed lib-doc: finalize\n"},
		"own output":      {"lib/pkg.yaml", "/bin", "/sbin", "changed lib: finalize\nchanged app; through lib\n"},
		"runtime":         {"lib/pkg.yaml", "    runtime: [{stage: lib}]\n", "", "changed app: directory /tmp/build, dependencies (gone)\n"},
		"parameter":       {"app/pkg.yaml", "who: me", "who: you", "changed app: build 1/1: echo you, finalize, build 1/1: echo me (gone)\n"},
		"definition":      {"pkg.yaml", "['echo {{ .who }}']", "['cat {{ .who }}']", "changed app: build 1/1: cat me, finalize, build 1/1: echo me (gone)\n"},
		"unused step":     {"pkg.yaml", "[x]", "[y]", ""},
		"other reference": {"lib/pkg.yaml", "finalize: [{from: /man}]", "finalize: [{from: /man}]\n    description: pages", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tree)

			before := explain(t, dir)

			changed := maps.Clone(tree)
			changed[test.file] = strings.Replace(changed[test.file], test.old, test.new, 1)
			write(t, dir, changed)

			if got := changes(before, explain(t, dir)); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}
