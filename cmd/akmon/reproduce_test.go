package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/enginetest"
)

// TestReproduceCommand compares an image with the tree that it is of, and with
// another one.
func TestReproduceCommand(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	t.Setenv("BUILDKIT_HOST", "")

	enginetest.Tree(t, dir, map[string]string{
		"pkg.yaml":   "format: v1alpha2\n",
		"a/pkg.yaml": "name: a\ndependencies: [{stage: shell}]\nsteps:\n  - install:\n      - mkdir /rootfs; echo {{ .BUILD_ARG_WORD }} >/rootfs/a\nfinalize: [{from: /rootfs}]\n",
	})

	_, err := forge.Build(t.Context(), forge.Options{
		Dir: dir, Targets: []string{"a"}, Args: map[string]string{"WORD": "one"}, Outputs: []forge.Output{{Type: engine.OCILayout, Dest: out}},
	})
	if err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"same":      {[]string{"--set", "WORD=one"}, 0, []string{"a linux/", ": identical\n"}},
		"different": {[]string{"--set", "WORD=two"}, 1, []string{": different\n", "  package a (a/pkg.yaml)\n    layer » a:\n      line 1\n      - one\n      + two\n", "akmon: not reproducible"}},
		"json":      {[]string{"--set", "WORD=two", "-o", "json"}, 1, []string{`"verdict": "different"`, `"text": "line 1\n- one\n+ two"`}},
		"bad vary":  {[]string{"--vary", "hostnam"}, 2, []string{`did you mean "hostname"?`}},
		"bad form":  {[]string{"-o", "xml"}, 2, []string{"is not text or json"}},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer

			args := append([]string{"reproduce", "a", "-C", dir, "--against", "oci:" + out + "/{target}", "--progress", "quiet"}, test.args...)
			if code := run(args, &text, &text); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}

			for _, want := range test.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("%q is not in\n%s", want, text.String())
				}
			}
		})
	}

	var text bytes.Buffer
	if code := run([]string{"log", "a", "-C", dir}, &text, &text); code != 0 || !strings.Contains(text.String(), "build of a, ") {
		t.Errorf("akmon log: %d\n%s", code, text.String())
	}

	if code := run([]string{"log", "-C", dir}, &text, &text); code != 2 {
		t.Errorf("akmon log without a target: %d", code)
	}
}
