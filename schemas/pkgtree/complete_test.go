package pkgtree_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// completed gives a recipe as it is with the steps of a root document, for an
// architecture. Templates are "{{NAME}}", and nothing else.
func completed(t testing.TB, root, recipe, arch string) (p *pkgtree.Package, missing, wrong document.Errors) {
	t.Helper()

	var r pkgtree.Root
	if err := document.Decode("root", []byte("format: v1alpha2\n"+root), &r); err != nil {
		t.Fatal(err)
	}

	nodes, err := document.Parse("pkg.yaml", []byte(recipe))
	if err != nil || len(nodes) != 1 {
		t.Skip("no document")
	}

	c := pkgtree.Completion{Steps: r.Steps, Arch: arch, Render: func(text string, parameters map[string]string) (string, error) {
		if strings.Contains(text, "{{fail}}") {
			return "", errors.New("it fails")
		}

		for name, value := range parameters {
			text = strings.ReplaceAll(text, "{{"+name+"}}", value)
		}

		return text, nil
	}}

	p = &pkgtree.Package{}
	missing, wrong = c.Complete(nodes[0])

	return p, missing, append(wrong, document.Join("", document.DecodeNode("", nil, nodes[0], p))...)
}

const someSteps = `steps:
  go:
    parameters: {name: , flags: -v}
    env: {A: a, B: {amd64: b, arm64: "{{name}}"}}
    sources:
      - local: {arm64: "{{name}}"}
      - go: .
    prepare: &p [one]
    build: ["go build {{flags}} {{name}}"]
    install: *p
    tmpDir: /tmp/x
    sbom: {outputPath: "/{{name}}", purl: x}
`

func TestComplete(t *testing.T) {
	for name, test := range map[string]struct {
		recipe, arch string
		want         func(s *pkgtree.Step) map[string][2]any
	}{
		"as it is": {
			"name: a\nsteps: [{use: go, with: {name: x}}]\n", "amd64", func(s *pkgtree.Step) map[string][2]any {
				return map[string][2]any{
					"env":      {map[string]string{"A": "a", "B": "b"}, s.Env},
					"build":    {"go build -v x", s.Build[0].Script},
					"prepare":  {"one", s.Prepare[0].Script},
					"install":  {"one", s.Install[0].Script},
					"sources":  {1, len(s.Sources)},
					"dir":      {"/tmp/x", s.Dir()},
					"sbom":     {"/x", s.SBOM.OutputPath},
					"position": {pkgtree.Position{Line: 10, Column: 13, Root: true}, s.Build[0].Pos},
					"own":      {pkgtree.Position{Line: 2, Column: 9}, s.Pos},
				}
			},
		},
		"with more": {
			`name: a
steps:
  - build: [more]
    use: go
    env: {B: mine, C: c}
    with: {name: x, flags: ""}
    prepare:
    tmpDir: /tmp/y
    sbom: {outputPath: /y}
`, "arm64", func(s *pkgtree.Step) map[string][2]any {
				return map[string][2]any{
					"env":      {map[string]string{"A": "a", "B": "mine", "C": "c"}, s.Env},
					"build":    {[]string{"go build  x", "more"}, []string{s.Build[0].Script, s.Build[1].Script}},
					"prepare":  {1, len(s.Prepare)},
					"local":    {"x", s.Sources[0].Local},
					"dir":      {"/tmp/y", s.Dir()},
					"sbom":     {[]string{"/y", "x"}, []string{s.SBOM.OutputPath, s.SBOM.PURL}},
					"position": {pkgtree.Position{Line: 3, Column: 13}, s.Build[1].Pos},
				}
			},
		},
		"one step twice": {
			"name: a\nsteps:\n  - &s\n    use: go\n    with: {name: x}\n    build: [more]\n  - *s\n", "amd64",
			func(s *pkgtree.Step) map[string][2]any { return map[string][2]any{"build": {2, len(s.Build)}} },
		},
		"merged environment": {
			"name: a\nsteps:\n  - env: &e {A: {amd64: 1, arm64: 2}, C: {arm64: x}}\n  - env: {<<: [*e, *e], B: {arm64: 3}}\n", "arm64",
			func(s *pkgtree.Step) map[string][2]any {
				return map[string][2]any{"env": {map[string]string{"A": "2", "C": "x"}, s.Env}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, missing, wrong := completed(t, someSteps, test.recipe, test.arch)
			if len(wrong) > 0 {
				t.Fatal(wrong)
			}

			// The definition's own source is for arm64 alone.
			for _, e := range missing {
				if e.Message != "local has no value for amd64" || e.Line <= pkgtree.RootLines {
					t.Errorf("missing: %v", e)
				}
			}

			for what, pair := range test.want(&p.Steps[0]) {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

func TestFailingTemplate(t *testing.T) {
	_, _, wrong := completed(t, "steps: {a: {build: ['{{fail}}']}, b: {parameters: {x: '{{fail}}'}}}\n",
		"name: a\nsteps: [{use: a}, {use: b}]\n", "amd64")

	want := ":2:15: step a: line 2 of the root document: it fails\n:2:25: parameter x of b: it fails"
	if diff := cmp.Diff(want, wrong.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An output is a package that says what the recipe says of all.
func TestOutputPackage(t *testing.T) {
	p, _, wrong := completed(t, "", `name: a
version: 1.0
licenses: [MIT]
homepage: https://example.org
buildPlatform: linux/amd64
dependencies: [{stage: x, runtime: true}]
steps: [{build: [make]}]
outputs:
  - name: a-dev
    description: headers
    runtime: [{stage: a}, {image: i, to: /x}]
    finalize: [{from: /x}]
  - name: a-doc
    licenses: [CC0-1.0]
    finalize: [{from: /y}]
`, "amd64")
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}

	dev, doc := p.OutputPackage(0), p.OutputPackage(1)

	for what, pair := range map[string][2]any{
		"names":      {[]string{"a-dev", "a-doc"}, []string{dev.Name, doc.Name}},
		"licences":   {[]string{"MIT", "CC0-1.0"}, []string{dev.Licenses[0], doc.Licenses[0]}},
		"versions":   {[]string{"1.0", "1.0"}, []string{dev.Version, doc.Version}},
		"runtime":    {[]bool{true, true}, []bool{dev.Dependencies[0].Runtime, dev.Dependencies[1].Runtime}},
		"companions": {[]int{2, 0}, []int{len(dev.Dependencies), len(doc.Dependencies)}},
		"steps":      {0, len(dev.Steps)},
		"platform":   {"linux/amd64", dev.BuildPlatform},
		"finalize":   {"/x", dev.Finalize[0].From},
		"position":   {pkgtree.Position{Line: 9, Column: 11}, dev.NamePos},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestSecretFile(t *testing.T) {
	no := false

	for _, test := range []struct {
		secret   pkgtree.Secret
		file     string
		optional bool
	}{
		{pkgtree.Secret{ID: "a"}, "/run/secrets/a", false},
		{pkgtree.Secret{ID: "a", Target: "/x/../y", Required: &no}, "/y", true},
		{pkgtree.Secret{ID: "a", Env: "A", Required: new(bool)}, "", true},
	} {
		if test.secret.File() != test.file || test.secret.Optional() != test.optional {
			t.Errorf("%v: %q, %v", test.secret, test.secret.File(), test.secret.Optional())
		}
	}
}

// Whatever a recipe says: completing it ends, and what comes of it decodes or
// has findings with places.
func FuzzComplete(f *testing.F) {
	for _, seed := range []string{
		"steps: [{use: go, with: {name: x}, build: [a]}]", "steps: &a [{use: go, with: {name: *b}, env: &b {x: {amd64: y}}}]",
		"steps: [{env: {<<: [{a: {amd64: x, arm64: }}], ? [a] : b}}]", "steps: {use: go}", "steps: [[use, go], ~, {use: {a: b}}]",
		"steps: [{sources: [&s {url: {amd64: x, amd64: y, z: w}}, *s]}]", "steps: [{use: go, with: [name]}]", "[steps]",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, recipe []byte) {
		for _, arch := range pkgtree.Architectures {
			p, missing, wrong := completed(t, someSteps, string(recipe), arch)

			for _, e := range append(missing, wrong...) {
				if e.Message == "" || e.Line == 0 {
					t.Errorf("a finding without a place: %v", e)
				}
			}

			if len(wrong) > 0 {
				continue
			}

			for _, pos := range p.Positions() {
				pos.Line++
			}

			for i := range p.Outputs {
				_ = p.OutputPackage(i)
			}
		}
	})
}
