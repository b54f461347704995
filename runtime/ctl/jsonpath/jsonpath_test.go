package jsonpath_test

import (
	"testing"

	"github.com/akmon-os/akmon/runtime/ctl/jsonpath"
)

var value = map[string]any{
	"hostname": "n1",
	"ready":    true,
	"count":    3,
	"nested":   map[string]any{"a.b": "dotted", "list": []any{"x", "y", "z"}},
	"conditions": []any{
		map[string]any{"type": "Disk", "status": "False"},
		map[string]any{"type": "Ready", "status": "True"},
	},
	"nothing": nil,
}

func TestExecute(t *testing.T) {
	for template, want := range map[string]string{
		"{.hostname}":            "n1",
		"{.ready}":               "true",
		"{.count}":               "3",
		"{.missing}":             "",
		"{.missing.deeper[0].x}": "",
		"{.nothing}":             "",
		"{.nested.list}":         `["x","y","z"]`,
		"{.nested.list[0]}":      "x",
		"{.nested.list[-1]}":     "z",
		"{.nested.list[9]}":      "",
		"{.nested.list[*]}":      "x y z",
		"{.nested['a.b']}":       "dotted",
		"{.conditions[*].type}":  "Disk Ready",
		`{.conditions[?(@.type=="Ready")].status}`: "True",
		"{.hostname}: {.count} of them":            "n1: 3 of them",
		"{ .hostname }":                            "n1",
		"no braces":                                "no braces",
		"{@.hostname}":                             "n1",
		"{$.hostname}":                             "n1",
	} {
		parsed, err := jsonpath.Parse(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)

			continue
		}

		if got := parsed.Execute(value); got != want {
			t.Errorf("%s gives %q, want %q", template, got, want)
		}
	}

	whole, err := jsonpath.Parse("{@}")
	if err != nil {
		t.Fatal(err)
	}

	if got := whole.Execute("worker"); got != "worker" {
		t.Errorf("{@} gives %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, template := range []string{"{.a", "{.a[}", "{.a[x]}", "{a}", "{.a[?(@.b>1)]}", "{..a}", "{.a.}"} {
		if _, err := jsonpath.Parse(template); err == nil {
			t.Errorf("%s was taken", template)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"{.a}", "{.a[*].b}", `{.a[?(@.b=="c}")]}`, "{@}", "x{.a['b']}y", "{.a[-1]}"} {
		f.Add(seed)
	}

	f.Fuzz(func(_ *testing.T, template string) {
		if parsed, err := jsonpath.Parse(template); err == nil {
			parsed.Execute(value)
		}
	})
}
