package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "format: v1alpha2\n"

var (
	zeros = strings.Repeat("0", 128)
	sums  = "        sha256: " + zeros[:64] + "\n        sha512: " + zeros + "\n"
)

// recipe is a package with one step and whatever else is given.
func recipe(name, rest string) string {
	return "name: " + name + "\n" + rest + "finalize:\n  - from: /\n    to: /\n"
}

// TestBadInput shows that what is wrong with a tree or a command line is one
// clear error with its place, the right exit code, and no output.
func TestBadInput(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/wrong.tar" {
			http.NotFound(w, r)

			return
		}

		_, _ = w.Write([]byte("not what was meant"))
	}))
	defer server.Close()

	for _, test := range []struct {
		name  string
		files map[string]string
		args  []string
		code  int
		want  []string
	}{
		{
			name:  "misspelt key",
			files: map[string]string{"pkg.yaml": root, "a/pkg.yaml": "name: a\ndepedencies:\n  - stage: b\n"},
			args:  []string{"build"},
			code:  1,
			want:  []string{`a/pkg.yaml:2:1: unknown key "depedencies"; did you mean "dependencies"?`, "2 | depedencies:", "| ^"},
		},
		{
			name: "cycle",
			files: map[string]string{
				"pkg.yaml":   root,
				"a/pkg.yaml": recipe("a", "dependencies:\n  - stage: b\n"),
				"b/pkg.yaml": recipe("b", "dependencies:\n  - stage: a\n"),
			},
			args: []string{"build"},
			code: 1,
			want: []string{"a → b → a", "pkg.yaml:3:12"},
		},
		{
			name: "missing stage",
			files: map[string]string{
				"pkg.yaml": root, "a/pkg.yaml": recipe("kernel", ""),
				"b/pkg.yaml": recipe("b", "dependencies:\n  - stage: kernle\n"),
			},
			args: []string{"build"},
			code: 1,
			want: []string{`b/pkg.yaml:3:12`, `"kernle"`, `did you mean "kernel"?`},
		},
		{
			name:  "missing target",
			files: map[string]string{"pkg.yaml": root, "a/pkg.yaml": recipe("installer", "")},
			args:  []string{"build", "instaler"},
			code:  1,
			want:  []string{`"instaler"`, `did you mean "installer"?`},
		},
		{
			name: "wrong checksum",
			files: map[string]string{
				"pkg.yaml":   root,
				"a/pkg.yaml": recipe("a", "steps:\n  - sources:\n      - url: "+server.URL+"/wrong.tar\n"+sums),
			},
			args: []string{"build", "a"},
			code: 1,
			want: []string{"a/pkg.yaml:4:14", server.URL + "/wrong.tar", zeros, "wanted", "got"},
		},
		{
			name: "unreachable source",
			files: map[string]string{
				"pkg.yaml":   root,
				"a/pkg.yaml": recipe("a", "steps:\n  - sources:\n      - url: "+server.URL+"/missing.tar\n"+sums),
			},
			args: []string{"build", "a"},
			code: 1,
			want: []string{"a/pkg.yaml:4:14", server.URL + "/missing.tar", "404"},
		},
		{
			name: "not in the store and offline",
			files: map[string]string{
				"pkg.yaml":   root,
				"a/pkg.yaml": recipe("a", "steps:\n  - sources:\n      - url: "+server.URL+"/wrong.tar\n"+sums),
			},
			args: []string{"build", "a", "--offline"},
			code: 1,
			want: []string{"a/pkg.yaml:4:14", "offline"},
		},
		{
			name: "alpine and offline",
			files: map[string]string{
				"pkg.yaml":   root,
				"a/pkg.yaml": recipe("a", "variant: alpine\n"),
			},
			args: []string{"build", "a", "--offline"},
			code: 1,
			want: []string{"a/pkg.yaml:1:7", "the alpine variant of a installs packages over the network, and the build is offline"},
		},
		{
			name:  "no key",
			files: map[string]string{"pkg.yaml": root, "a/pkg.yaml": recipe("a", "")},
			args:  []string{"build", "a", "--key", "absent.key"},
			code:  1,
			want:  []string{"read signing key", "absent.key", "no such file"},
		},
		{
			name:  "unreadable key",
			files: map[string]string{"pkg.yaml": root, "a/pkg.yaml": recipe("a", ""), "bad.key": "-----BEGIN NOTHING-----\n"},
			args:  []string{"build", "a", "--key", "bad.key"},
			code:  1,
			want:  []string{"read signing key bad.key"},
		},
		{
			name:  "no builder",
			files: map[string]string{"pkg.yaml": root, "a/pkg.yaml": recipe("a", "")},
			args:  []string{"build", "a", "--builder", "unix:///nowhere/buildkit.sock"},
			code:  1,
			want:  []string{"unix:///nowhere/buildkit.sock"},
		},
		{name: "no tree", args: []string{"build"}, code: 1, want: []string{"pkg.yaml"}},
		{name: "unknown flag", args: []string{"build", "--ouput", "x"}, code: 2, want: []string{"unknown flag: --ouput", "akmon build --help"}},
		{name: "unknown command", args: []string{"biuld"}, code: 2, want: []string{`unknown command "biuld"; did you mean "build"?`}},
		{name: "bad output", args: []string{"build", "-o", "type=iso"}, code: 2, want: []string{`type "iso" is not oci`}},
		{name: "misspelt output", args: []string{"build", "-o", "type=oci,dset=x"}, code: 2, want: []string{`unknown attribute "dset"; did you mean "dest"?`}},
		{name: "bad argument", args: []string{"build", "--set", "PROFILE"}, code: 2, want: []string{"NAME=VALUE"}},
		{name: "bad platform", args: []string{"build", "--platform", "linux/z80"}, code: 2, want: []string{"--platform", "linux/z80"}},
		{name: "missing argument", args: []string{"verify", "--key", "x"}, code: 2, want: []string{"REF is missing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			t.Setenv("AKMON_MIRRORS", "")
			t.Setenv("AKMON_KEY_PASSWORD", "")
			t.Setenv("PATH", "") // nothing of this machine is asked

			for name, text := range test.files {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}

				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}

			var stdout, stderr bytes.Buffer

			if code := run(test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}

			for _, want := range test.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("standard error lacks %q:\n%s", want, stderr.String())
				}
			}

			if stdout.Len() > 0 {
				t.Errorf("standard output: %s", stdout.String())
			}

			if diff := cmp.Diff(topLevel(test.files), listed(t, dir)); diff != "" {
				t.Errorf("files in the directory (-before +after):\n%s", diff)
			}
		})
	}
}

func topLevel(files map[string]string) map[string]bool {
	names := map[string]bool{}

	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		names[first] = true
	}

	return names
}

func listed(t *testing.T, dir string) map[string]bool {
	t.Helper()

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}

	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}

	return names
}
