package render_test

import (
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/tree/render"
)

// What is put in before a template is executed is what executing it would
// print.
func TestConstants(t *testing.T) {
	for _, source := range []string{
		`{{ .ARCH }}{{ .version }}x{{- .list -}} y`,
		`{{ "text" }}{{ "" }}|{{ .empty }}|`,
		`{{ if .ARCH }}a{{ end }}{{ if .nope }}b{{ else }}c{{ end }}{{ if .empty }}d{{ end }}`,
		`{{ if eq .ARCH "x86_64" }}a{{ .version }}{{ else if eq .ARCH "b" }}c{{ else }}d{{ end }}`,
		`{{ if ne .ARCH "x86_64" }}a{{ else if eq "1.2.3" .version }}c{{ else }}d{{ end }}`,
		`{{ if eq .nope "" }}a{{ else }}b{{ end }}{{ if ne .nope .nope }}a{{ else }}b{{ end }}`,
		`{{ if eq .ARCH "a" "x86_64" }}a{{ end }}{{ if not (eq .ARCH "b") }}b{{ end }}`,
		`{{ $x := "0" }}{{ if .ARCH }}{{ $x := "1" }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := "0" }}{{ if .ARCH }}{{ $x = "1" }}{{ end }}{{ $x }}`,
		`{{ if .ARCH }}{{ if .nope }}{{ else }}{{ $y := .version }}{{ $y }}{{ end }}{{ end }}z`,
		`{{ with .ARCH }}{{ . }}{{ else }}{{ .version }}{{ end }}{{ with .nope }}n{{ else }}{{ .version }}{{ end }}`,
		`{{ range splitList "," .list }}{{ if eq . "b" }}{{ continue }}{{ end }}[{{ . }}{{ $.ARCH }}]{{ else }}{{ .ARCH }}{{ end }}`,
		`{{ define "d" }}{{ .ARCH }}{{ if .version }}v{{ end }}{{ end }}{{ template "d" . }}`,
		`{{ define "d" }}<{{ . }}>{{ end }}{{ if .ARCH }}{{ template "d" .version }}{{ end }}`,
		`{{ block "b" . }}{{ .ARCH }}{{ end }}`,
		`{{ .version | splitList "." | first }}{{ upper .ARCH }}{{ .ARCH | quote }}`,
		`{{/* gone */ -}}  {{ .ARCH }}  {{- /* gone */}}`,
		`{{ if .BUILD_ARG_X }}a{{ else }}b{{ end }}[{{ .BUILD_ARG_X }}]{{ if eq .BUILD_ARG_X "" }}e{{ end }}`,
		`plain }} text`,
	} {
		values := map[string]string{"ARCH": "x86_64", "version": "1.2.3", "list": "a,b,c", "empty": ""}

		got, err := render.Render("f", []byte(source), values)
		if err != nil {
			t.Errorf("%s: %v", source, err)

			continue
		}

		// Build arguments are empty where they are not given.
		values["BUILD_ARG_X"] = ""

		var want strings.Builder

		parsed, err := template.New("").Funcs(sprig.HermeticTxtFuncMap()).Parse(source)
		if err == nil {
			err = parsed.Execute(&want, values)
		}

		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}

		if diff := cmp.Diff(want.String(), string(got.Text)); diff != "" {
			t.Errorf("%s (-text/template +Render):\n%s", source, diff)
		}
	}
}
