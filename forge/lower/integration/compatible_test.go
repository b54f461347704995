package integration_test

import (
	"path/filepath"
	"testing"
)

// What trees with a Pkgfile rely on: steps change their package directory and
// finalize takes it from there, even where it has nothing; caches are shared;
// an output of "/" has everything.
func TestSolveCompatible(t *testing.T) {
	b := &bench{dir: t.TempDir(), sources: t.TempDir(), state: t.TempDir()}
	userland(t, filepath.Join(b.dir, "shell", "root"))

	for name, text := range map[string]string{
		"Pkgfile":        "# syntax = example\nformat: v1alpha2\n",
		"shell/pkg.yaml": "name: shell\nvariant: scratch\nfinalize:\n  - from: /pkg/root\n    to: /\n",
		"first/pkg.yaml": `name: first
variant: scratch
shell: /bin/bash
dependencies:
  - stage: shell
steps:
  - cachePaths: [/.cache]
    prepare:
      - echo kept >/.cache/foo
      - echo "version 2" >/pkg/manifest
finalize:
  - from: /pkg/manifest
    to: /
`,
		"first/manifest": "version 1\n",
		"second/pkg.yaml": `name: second
variant: scratch
shell: /bin/bash
dependencies:
  - stage: shell
  - stage: first
steps:
  - cachePaths: [/.cache]
    test:
      - "[ -e /.cache/foo ]"
      - "[ -d /pkg ]"
  - install:
      - mkdir /rootfs && cat /manifest >/rootfs/copy
finalize:
  - from: /pkg
    to: /
  - from: /rootfs
    to: /rootfs
`,
	} {
		write(t, filepath.Join(b.dir, name), []byte(text), 0o644)
	}

	files, _, err := b.solve(t, "second")
	if err != nil {
		t.Fatal(err)
	}

	if len(files) != 1 || files["/rootfs/copy"] != "version 2\n1980-01-01" {
		t.Errorf("the output is %q", files)
	}
}
