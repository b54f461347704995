package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguage shows outputs, secrets and reusable steps from the command line,
// as far as nothing is built.
func TestLanguage(t *testing.T) {
	dir := t.TempDir()

	for name, text := range map[string]string{
		"pkg.yaml": root + `steps:
  program:
    parameters: {name: }
    build: ["make {{ .name }}"]
`,
		"a/pkg.yaml": `name: a
description: Something
steps:
  - use: program
    with: {name: all}
    secrets: [{id: token}, {id: other, required: false}]
    ssh: [default]
finalize: [{from: /rootfs/bin}]
outputs:
  - name: a-dev
    runtime: [{stage: a}]
    finalize: [{from: /rootfs/include}]
`,
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
		args []string
		code int
		want []string
	}{
		"graph":   {[]string{"graph"}, 0, []string{"a-dev (a)\n  a recipe\n  a runtime\n"}},
		"of one":  {[]string{"graph", "a-dev", "-o", "json"}, 0, []string{`"recipe": "a"`, `"description": "Something"`}},
		"reverse": {[]string{"graph", "a", "--reverse"}, 0, []string{"a-dev"}},
		"svg":     {[]string{"graph", "-o", "svg"}, 0, []string{"stroke-dasharray"}},
		"dump": {[]string{"dump", "a-dev"}, 0, []string{
			"make all @" + filepath.Join(dir, "pkg.yaml") + ":5", "[a-dev] finalize", "secret=token", "secret=other mode=0400 optional", "ssh=default",
		}},
		"explain":  {[]string{"explain", "a-dev"}, 0, []string{"needs a ", "  finalize "}},
		"validate": {[]string{"validate"}, 0, []string{"2 packages are valid"}},
		"lint":     {[]string{"lint"}, 0, nil},
		"no secret": {[]string{"build", "a-dev"}, 1, []string{
			`a/pkg.yaml:6:20: a asks for the secret "token", which is not given; add --secret id=token,src=FILE`,
			`a/pkg.yaml:7:11: a asks for the SSH agent "default", which is not given; add --ssh default`,
		}},
		"secret of nothing": {[]string{"build", "--secret", "id=x"}, 2, []string{`write id=ID,src=FILE or id=ID,env=VARIABLE`}},
		"secret misspelt":   {[]string{"build", "--secret", "id=x,evn=Y"}, 2, []string{`unknown attribute "evn"; did you mean "env"?`}},
		"ssh without path":  {[]string{"build", "--ssh", "x="}, 2, []string{`write ID, or ID=PATH`}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer

			if code := run(append(test.args, "-C", dir), &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d: %s", code, test.code, stderr.String())
			}

			for _, want := range test.want {
				if !strings.Contains(stdout.String()+stderr.String(), want) {
					t.Errorf("%q is not in\n%s%s", want, stdout.String(), stderr.String())
				}
			}
		})
	}
}
