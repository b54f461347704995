package compare_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/compare"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// start is the tree that the tests change.
var start = map[string]string{
	"pkg.yaml":          "format: v1alpha2\nvars: {V: 1.0}\n",
	"base/pkg.yaml":     "name: base\ndependencies: [{debian: lock.yaml}]\nfinalize: [{}]\n",
	"base/lock.yaml":    "packages: []\n",
	"lib/pkg.yaml":      "name: lib\ndependencies: [{stage: base}]\nsteps:\n  - build: [make]\n    install: [install]\nfinalize: [{from: /rootfs}]\n",
	"lib/fix.patch":     "patch\n",
	"app/pkg.yaml":      "name: app\nversion: \"{{ .V }}\"\ndependencies: [{stage: base}, {stage: lib}]\nsteps:\n  - sources: [{local: src, include: [\"*.c\"]}]\n    build: [cc]\nfinalize: [{from: /rootfs}]\n",
	"src/main.c":        "main\n",
	"src/main.h":        "head\n",
	"docs/pkg.yaml":     "name: docs\ndependencies: [{stage: base}]\nsteps:\n  - build: [doc]\nfinalize: [{from: /rootfs}]\n",
	"docs/page.md.tmpl": "version {{ .V }}\n",
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()

	for name, text := range files {
		path := filepath.Join(dir, name)

		if text == "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}

			continue
		}

		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func explain(t *testing.T, dir string) []lower.Explanation {
	t.Helper()

	all, err := compare.Explain(context.Background(), tree.Options{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// changes says what differs, a line each.
func changes(before, after []lower.Explanation) string {
	var b strings.Builder

	for _, c := range compare.Changes(before, after) {
		b.WriteString(c.Kind + " " + c.Name)

		if len(c.Parts) > 0 {
			b.WriteString(": " + strings.Join(c.Parts, ", "))
		}

		if len(c.Through) > 0 {
			b.WriteString("; through " + strings.Join(c.Through, ", "))
		}

		b.WriteString("\n")
	}

	return b.String()
}

func TestChanges(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing": {nil, ""},
		"comment": {map[string]string{"lib/pkg.yaml": "# new\n" + start["lib/pkg.yaml"]}, ""},
		"instruction": {
			map[string]string{"lib/pkg.yaml": strings.Replace(start["lib/pkg.yaml"], "[make]", "[make all]", 1)},
			"changed lib: build 1/1: make all, install 1/1: install, build 1/1: make (gone)\nchanged app; through lib\n",
		},
		"patch":          {map[string]string{"lib/fix.patch": "other\n"}, "changed lib: package directory lib\nchanged app; through lib\n"},
		"source":         {map[string]string{"src/main.c": "other\n"}, "changed app: files of src\n"},
		"excluded":       {map[string]string{"src/main.h": "other\n"}, ""},
		"lock":           {map[string]string{"base/lock.yaml": "packages: [x]\n"}, "changed base: base/lock.yaml\nchanged app; through base, lib\nchanged lib; through base\nchanged docs; through base\n"},
		"template":       {map[string]string{"docs/page.md.tmpl": "{{ .V }}\n"}, "changed docs: package directory docs, templates\n"},
		"version alone":  {map[string]string{"app/pkg.yaml": strings.Replace(start["app/pkg.yaml"], "{{ .V }}", "2", 1)}, ""},
		"new and gone":   {map[string]string{"docs": "", "more/pkg.yaml": "name: more\n"}, "added more\nremoved docs\n"},
		"new dependency": {map[string]string{"docs/pkg.yaml": strings.Replace(start["docs/pkg.yaml"], "{stage: base}", "{stage: base}, {stage: lib}", 1)}, "changed docs: dependencies, directory /tmp/build\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, start)
			before := explain(t, dir)

			write(t, dir, test.files)

			if diff := cmp.Diff(lines(test.want), lines(changes(before, explain(t, dir)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func lines(s string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(s) {
		all[line] = true
	}

	return all
}

func TestCheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}

	repository := t.TempDir()
	dir := filepath.Join(repository, "os") // the tree need not be the whole
	write(t, dir, start)

	if err := os.Symlink("main.c", filepath.Join(dir, "src", "link.c")); err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(filepath.Join(dir, "src", "main.c"), 0o755); err != nil {
		t.Fatal(err)
	}

	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "x"},
	} {
		cmd := exec.Command("git", append([]string{"-C", repository}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}

	now := explain(t, dir)
	before := t.TempDir()

	if err := compare.Checkout(context.Background(), dir, "HEAD", before); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff("", changes(explain(t, before), now)); diff != "" {
		t.Errorf("nothing has changed, but (-want +got):\n%s", diff)
	}

	for _, revision := range []string{"nope", "", "--output=/tmp/x"} {
		if err := compare.Checkout(context.Background(), dir, revision, t.TempDir()); err == nil {
			t.Errorf("revision %q is accepted", revision)
		}
	}
}
