package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestViews runs the commands that only look at a tree.
func TestViews(t *testing.T) {
	dir := t.TempDir()

	for name, text := range map[string]string{
		"pkg.yaml":      root + "vars: {VERSION: 1.10}\n",
		"base/pkg.yaml": "name: base\ndependencies:\n  - image: example.org/base:1\nfinalize: [{}]\n",
		"a/vars.yaml":   "MINE: a-{{ .VERSION }}\n",
		"a/pkg.yaml":    recipe("a", "version: \"{{ .VERSION }}\"\ndependencies:\n    -   stage:   base\nsteps:\n  - build: [make]\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for name, test := range map[string]struct {
		cmd  *cobra.Command
		args []string
		in   string
		want []string
		err  string
	}{
		"eval":          {cmd: newEval(), args: []string{"-t", "a", "<{{ .MINE }}>"}, want: []string{"<a-1.10>\n"}},
		"eval root":     {cmd: newEval(), args: []string{"{{ .VERSION }} {{ .ARCH }}", "--platform", "linux/arm64"}, want: []string{"1.10 aarch64\n"}},
		"eval stdin":    {cmd: newEval(), args: []string{"-"}, in: "{{ .VERSION }}", want: []string{"1.10"}},
		"eval missing":  {cmd: newEval(), args: []string{"{{ .VERSOIN }}"}, err: `template:1:4: variable VERSOIN is not set; did you mean "VERSION"?`},
		"eval unknown":  {cmd: newEval(), args: []string{"-t", "bsae", "x"}, err: `no package of the tree is named "bsae"; did you mean "base"?`},
		"eval nothing":  {cmd: newEval(), err: "TEMPLATE is missing"},
		"dump":          {cmd: newDump(), args: []string{"a"}, want: []string{"[a] build 1/1: make", "docker-image://example.org/base:1"}},
		"dump unknown":  {cmd: newDump(), args: []string{"b"}, err: `no package of the tree is named "b"`},
		"lint":          {cmd: newLint(), want: []string{"base/pkg.yaml:3:12: the image is named by a tag", "docs/lint/unpinned-image.md"}, err: "there is 1 finding"},
		"lint json":     {cmd: newLint(), args: []string{"-o", "json"}, want: []string{`"rule": "unpinned-image"`}, err: "there is 1 finding"},
		"lint form":     {cmd: newLint(), args: []string{"-o", "xml"}, err: `"xml" is not text or json`},
		"schemas":       {cmd: newSchema(), want: []string{"pkg ", "root ", "vars "}},
		"schema":        {cmd: newSchema(), args: []string{"vars"}, want: []string{"draft-07"}},
		"schema list":   {cmd: newSchema(), args: []string{"--list"}, want: []string{"pkg ", "machineconfig ", "profile ", "debian-lock ", "clientconfig "}},
		"schema both":   {cmd: newSchema(), args: []string{"--list", "pkg"}, err: `"pkg" is one argument too many`},
		"schema of few": {cmd: newSchema(), args: []string{"pgk"}, err: `did you mean "pkg"?`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer

			args := test.args
			if test.cmd.Flags().Lookup("directory") != nil {
				args = append(args, "-C", dir)
			}

			if args == nil {
				args = []string{}
			}

			test.cmd.SetArgs(args)
			test.cmd.SetIn(strings.NewReader(test.in))
			test.cmd.SetOut(&stdout)
			test.cmd.SetErr(&stderr)
			test.cmd.SilenceErrors, test.cmd.SilenceUsage = true, true

			err := test.cmd.Execute()

			switch {
			case test.err == "" && err != nil:
				t.Errorf("got %v", err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v, want %s", err, test.err)
			}

			for _, want := range test.want {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("%q is not in\n%s", want, stdout.String())
				}
			}
		})
	}
}

func TestFmt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pkg.yaml")
	if err := os.WriteFile(path, []byte("name:   a\nsteps:\n- build: [x]\n"), 0o640); err != nil {
		t.Fatal(err)
	}

	fmtCommand := func(args ...string) (string, error) {
		var stdout bytes.Buffer

		cmd := newFmt()
		cmd.SetArgs(append(args, "-C", filepath.Dir(path)))
		cmd.SetOut(&stdout)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true

		return stdout.String(), cmd.Execute()
	}

	if _, err := fmtCommand("--check"); err == nil || !strings.Contains(err.Error(), "1 of 1 documents are not formatted") {
		t.Errorf("got %v", err)
	}

	for range 2 {
		if _, err := fmtCommand(); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := fmtCommand("--check"); err != nil {
		t.Errorf("got %v", err)
	}

	text, err := os.ReadFile(path)
	if err != nil || string(text) != "name: a\nsteps:\n  - build: [x]\n" {
		t.Errorf("got %q, %v", text, err)
	}

	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestExplainAndDiff(t *testing.T) {
	dir := t.TempDir()

	for name, text := range map[string]string{
		"pkg.yaml": root, "a/pkg.yaml": recipe("a", "steps:\n  - build: [make]\n"), "b/pkg.yaml": recipe("b", "dependencies:\n  - stage: a\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for name, test := range map[string]struct {
		cmd  *cobra.Command
		args []string
		want []string
		err  string
	}{
		"explain":       {cmd: newExplain(), args: []string{"a"}, want: []string{"a ", "  build 1/1: make ", "  finalize "}},
		"explain needs": {cmd: newExplain(), args: []string{"b"}, want: []string{"  needs a "}},
		"explain json":  {cmd: newExplain(), args: []string{"b", "-o", "json"}, want: []string{`"name": "b"`, `"needs": {`}},
		"explain none":  {cmd: newExplain(), err: "TARGET is missing"},
		"diff none":     {cmd: newDiff(), err: "REV is missing"},
		"diff no git":   {cmd: newDiff(), args: []string{"HEAD"}, err: "get revision HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout bytes.Buffer

			test.cmd.SetArgs(append(test.args, "-C", dir))
			test.cmd.SetOut(&stdout)
			test.cmd.SetErr(&stdout)
			test.cmd.SilenceErrors, test.cmd.SilenceUsage = true, true

			err := test.cmd.Execute()

			switch {
			case test.err == "" && err != nil:
				t.Errorf("got %v", err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v, want %s", err, test.err)
			}

			for _, want := range test.want {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("%q is not in\n%s", want, stdout.String())
				}
			}
		})
	}
}
