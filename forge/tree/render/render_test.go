package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/tree/render"
)

var vars = map[string]string{"ARCH": "x86_64", "version": "1.2.3", "list": "a,b,c", "long": "one\ntwo"}

func TestRender(t *testing.T) {
	for _, test := range []struct{ name, in, want, err string }{
		{name: "no template", in: "a: b }}\n", want: "a: b }}\n"},
		{name: "variable", in: "v: {{ .version }}\n", want: "v: 1.2.3\n"},
		{name: "condition", in: "{{ if eq .ARCH \"x86_64\" -}}\namd64\n{{- else }}other{{ end }}\n", want: "amd64\n"},
		{name: "sprig", in: "{{ .version | splitList \".\" | first }} {{ upper .ARCH | quote }}", want: `1 "X86_64"`},
		{name: "loop", in: "{{ range splitList \",\" .list }}[{{ . }}]{{ end }}", want: "[a][b][c]"},
		{name: "define", in: "{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .ARCH }}", want: "<x86_64>"},
		{name: "definitions only", in: "{{ define \"x\" }}y{{ end }}", want: ""},
		{name: "build argument", in: "[{{ .BUILD_ARG_TAG }}{{ if .BUILD_ARG_TAG }}set{{ end }}]", want: "[]"},
		{name: "missing in condition", in: "{{ if .nope }}a{{ else }}b{{ end }}", want: "b"},
		{name: "missing with default", in: "{{ .nope | default \"d\" }}", want: "d"},
		{
			name: "missing", in: "a: 1\nb: x-{{ .vers1on }}\n",
			err: "f:2:9: variable vers1on is not set; did you mean \"version\"?\n    2 | b: x-{{ .vers1on }}\n      |         ^",
		},
		{
			name: "missing by dollar", in: "{{ range splitList \",\" .list }}{{ $.nope }}{{ end }}",
			err: "f:1:36: variable nope is not set\n    1 | {{ range splitList \",\" .list }}{{ $.nope }}{{ end }}\n      |                                    ^",
		},
		{
			name: "unknown function", in: "a\n{{ uper .ARCH }}\n",
			err: "f:2:4: function uper is not defined; did you mean \"upper\"?\n    2 | {{ uper .ARCH }}\n      |    ^",
		},
		{
			name: "environment", in: "{{ env \"HOME\" }}",
			err: "f:1:4: function env is not hermetic: its result is not the same everywhere and always\n    1 | {{ env \"HOME\" }}\n      |    ^",
		},
		{
			name: "unclosed", in: "a\nb: {{ if .ARCH }}\n",
			err: "f:2:4: template: this {{ if }} is not closed; {{ end }} is missing\n    2 | b: {{ if .ARCH }}\n      |    ^",
		},
		{
			name: "bad syntax", in: "a\nb: {{ .ARCH ) }}\n",
			err: "f:2:4: template: unexpected right paren\n    2 | b: {{ .ARCH ) }}\n      |    ^",
		},
		{
			name: "failing function", in: "a\nb: {{ fail \"no way\" }}\n",
			err: "f:2:7: template: no way\n    2 | b: {{ fail \"no way\" }}\n      |       ^",
		},
		{
			name: "undefined template", in: "{{ template \"x\" }}",
			err: "f:1:13: template: template \"x\" not defined\n    1 | {{ template \"x\" }}\n      |             ^",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := render.Render("f", []byte(test.in), vars)

			text, message := "", ""
			if err != nil {
				message = err.Error()
			} else {
				text = string(got.Text)
			}

			if diff := cmp.Diff(test.want, text); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}

			if diff := cmp.Diff(test.err, message); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// Every line of what this renders to carries the number of the source line
// that it must map to.
func TestMap(t *testing.T) {
	source := `s1: a
{{- /* gone */}}
s3: {{ .ARCH }}-é-{{ .version }} tail
{{ if eq .ARCH "nope" }}
never
{{ else }}
s7: x
{{ end }}
{{- range splitList "," .list }}
s10: {{ . }}
{{- end }}
s12: {{ .long | replace "\n" "\ns12: " }}
{{ define "t" }}s13: inside{{ end }}
{{- template "t" }}
s15: end`

	got, err := render.Render("f", []byte(source), vars)
	if err != nil {
		t.Fatal(err)
	}

	for i, line := range strings.Split(string(got.Text), "\n") {
		if line == "" {
			continue
		}

		var want int
		if _, err := fmt.Sscanf(line, "s%d:", &want); err != nil {
			t.Fatalf("line %d: %q: %v", i+1, line, err)
		}

		if l, c := got.Map.Source(i+1, 1); l != want {
			t.Errorf("line %d %q maps to %d:%d, want line %d", i+1, line, l, c, want)
		}
	}

	// Within a line, text maps character by character, and what an action
	// printed to the action.
	for _, test := range []struct{ column, want int }{{1, 1}, {5, 5}, {10, 5}, {11, 16}, {12, 17}, {13, 18}, {14, 19}, {18, 19}, {19, 33}} {
		if l, c := got.Map.Source(2, test.column); l != 3 || c != test.want {
			t.Errorf("2:%d maps to %d:%d, want 3:%d", test.column, l, c, test.want)
		}
	}
}

func TestBombs(t *testing.T) {
	for name, source := range map[string]string{
		"output":       `{{ range until 10000 }}{{ repeat 1000 "x" }}{{ end }}`,
		"recursion":    `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"loop":         `{{ range 1000000000 }}{{ end }}`,
		"nested loops": `{{ range until 1000 }}{{ range until 1000 }}{{ range until 1000 }}x{{ end }}{{ end }}{{ end }}`,
		"until":        `{{ until 2000000000 }}`,
		"untilStep":    `{{ untilStep 0 2000000000 1 }}`,
		"seq":          `{{ seq 2000000000 }}`,
		"repeat":       `{{ repeat 2000000000 "x" }}`,
		"indent":       `{{ indent 2000000000 "x" }}`,
		"printf":       `{{ printf "%99999999d" 1 }}`,
		"doubling":     `{{ $x := "aaaaaaaa" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}{{ $x }}`,
		"replacing":    `{{ $x := repeat 10000 "a" }}{{ replace "a" $x $x }}`,
		"lists":        `{{ $x := list 1 2 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}`,
		"itself":       `{{ $d := dict }}{{ $d = set $d "a" $d }}{{ $d }}`,
		"work":         `{{ range until 10000 }}{{ $x := repeat 100000 "x" }}{{ end }}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render.Render("f", []byte(source), vars)
			if err == nil {
				t.Error("it was rendered")
			} else if strings.Count(err.Error(), "\n") != 2 {
				t.Errorf("no position: %v", err)
			}
		})
	}
}

func TestVariablesAreNotChanged(t *testing.T) {
	given := map[string]string{}

	if _, err := render.Render("f", []byte("{{ .BUILD_ARG_X }}"), given); err != nil {
		t.Fatal(err)
	}

	if len(given) != 0 {
		t.Errorf("variables were added: %v", given)
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"a: {{ .ARCH }}\n", "{{ if .x }}a{{ end }}", "{{- range until 3 -}}\n{{ . }}\n{{ end }}", "{{ define \"a\" }}{{ end }}{{ template \"a\" }}",
		"{{ nope }}", "{{ .nope }}", "{{", "{{ with $x := .ARCH }}{{ $x }}{{ end }}", "{{ break }}", "{{ list 1 2 | toJson }}", "é{{ .version }}\n",
		"{{ printf \"%s\" .ARCH }}", "{{/* c */}}", "{{ (index (list .) 0).ARCH }}",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := render.Render("f", data, vars)
		if err != nil {
			_ = err.Error()

			return
		}

		lines := bytes.Count(data, []byte("\n")) + 1

		for line := range bytes.Count(got.Text, []byte("\n")) + 1 {
			if l, c := got.Map.Source(line+1, 2); l < 1 || l > lines || c < 1 {
				t.Errorf("line %d maps to %d:%d", line+1, l, c)
			}
		}
	})
}
