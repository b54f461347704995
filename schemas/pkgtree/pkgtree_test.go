package pkgtree_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

func TestEpoch(t *testing.T) {
	for in, want := range map[string]string{
		"0":                         "1970-01-01T00:00:00Z",
		"1767312000":                "2026-01-02T00:00:00Z",
		"2026-01-02":                "2026-01-02T00:00:00Z",
		"2026-01-02T03:04:05+01:00": "2026-01-02T02:04:05Z",
		"-1":                        "",
		"1960-01-01":                "",
		"soon":                      "",
		"[1]":                       "",
	} {
		var root pkgtree.Root

		err := document.Decode("pkg.yaml", []byte("format: v1alpha2\nepoch: "+in+"\n"), &root)

		switch {
		case want == "" && err == nil:
			t.Errorf("%s is accepted as %v", in, root.Epoch)
		case want != "" && err != nil:
			t.Errorf("%s: %v", in, err)
		case want != "" && root.Epoch.Format(time.RFC3339) != want:
			t.Errorf("%s is %v, want %s", in, root.Epoch, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	var p pkgtree.Package

	if err := document.Decode("pkg.yaml", []byte(`name: a
version: 1.10
dependencies:
  - stage: b
    to: lib/
steps:
  - env: {A: 010, B: yes, C: ~}
    sources:
      - url: https://example.org/dir/x.tar.gz?y=z
        sha256: `+strings.Repeat("a", 64)+`
        sha512: `+strings.Repeat("b", 128)+`
    build:
      - |
        one
        two
      - three
  - tmpDir: /x/../y
finalize:
  - {}
`), &p); err != nil {
		t.Fatal(err)
	}

	step := p.Steps[0]

	for what, pair := range map[string][2]any{
		"version":    {"1.10", p.Version},
		"from":       {"/", p.Dependencies[0].Source()},
		"to":         {"/lib", p.Dependencies[0].Target()},
		"env":        {map[string]string{"A": "010", "B": "yes", "C": ""}, step.Env},
		"file name":  {"x.tar.gz", step.Sources[0].FileName()},
		"tmp dir":    {[]string{"/tmp/build", "/y"}, []string{step.Dir(), p.Steps[1].Dir()}},
		"script":     {"one\ntwo\n", step.Build[0].Script},
		"lines":      {[]int{13, 15, 16, 16}, []int{step.Build[0].Pos.Line, step.Build[0].End.Line, step.Build[1].Pos.Line, step.Build[1].End.Line}},
		"finalize":   {[]string{"/", "/"}, []string{p.Finalize[0].From, p.Finalize[0].To}},
		"positions":  {pkgtree.Position{Line: 1, Column: 7}, p.NamePos},
		"dependency": {pkgtree.Position{Line: 4, Column: 12}, p.Dependencies[0].Pos},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestFileName(t *testing.T) {
	for _, test := range []struct{ url, destination, want string }{
		{"https://example.org/a/b.tar", "", "b.tar"},
		{"https://example.org/a/b.tar", "x/y.tar", "x/y.tar"},
		{"https://example.org/a/b.tar", "/x", "x"},
		{"https://example.org/a%20b", "", "a b"},
		{"https://example.org/", "", ""},
		{"https://example.org", "", ""},
		{"::", "", ""},
	} {
		s := pkgtree.Source{URL: test.url, Destination: test.destination}
		if got := s.FileName(); got != test.want {
			t.Errorf("%s to %q is %q, want %q", test.url, test.destination, got, test.want)
		}
	}
}

func FuzzPackage(f *testing.F) {
	for _, seed := range []string{
		"name: a\n", "name: [a]\nsteps: {}\n", "dependencies: [{stage: a, image: b}, ~, x]\n",
		"steps: [{sources: [{url: ''}, {local: ..}, {go: .}], env: {'': x}, cachePaths: [a, /]}]\n",
		"steps: [{sources: [{git: 'ssh://a/b', commit: x, from: ..}, {image: a@sha256:}, {debian: .dsc}], patches: ['[', {strip: 1e9}, {path: a}]}]\n", "finalize: [~]\nimage: ~\n", "a: &a {b: *a}\n", "steps: [{build: [|\n  x\n]}]", "<<: [{name: a}]\n",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(_ *testing.T, data []byte) {
		var p pkgtree.Package

		if err := document.Decode("pkg.yaml", data, &p); err != nil {
			_ = err.Error()
		}

		for _, pos := range p.Positions() {
			pos.Line++
		}
	})
}

func FuzzRoot(f *testing.F) {
	for _, seed := range []string{
		"format: v1alpha2\n", "format: [v1alpha2]\nepoch: {a: b}\n", "vars: {A: {{ .B }}}\n", "name: a\n", "epoch: 2026-01-31T00:00:00+25:00\n",
		"labels: [a]\nvars: ~\n", "epoch: 99999999999999999999\n", "fromat: x\n",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(_ *testing.T, data []byte) {
		var r pkgtree.Root

		if err := document.Decode("Pkgfile", data, &r); err != nil {
			_ = err.Error()
		}
	})
}
