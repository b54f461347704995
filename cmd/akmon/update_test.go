package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge/update"
)

func TestUpdate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a/":
			_, _ = w.Write([]byte(`<a href="a-1.0.tar"> <a href="a-1.1.tar">`))
		case "/a/a-1.1.tar":
			_, _ = w.Write([]byte("a new file"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()

	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("AKMON_MIRRORS", "")
	t.Setenv("PATH", "")

	source := "version: 1.0\nupstream: URL\nsteps:\n  - sources:\n      - url: " + server.URL + "/a/a-1.0.tar\n" + sums

	for name, text := range map[string]string{
		"pkg.yaml":   root,
		"a/pkg.yaml": recipe("a", strings.Replace(source, "URL", server.URL+"/a/", 1)),
		"b/pkg.yaml": recipe("b", strings.Replace(source, "URL", server.URL+"/b/", 1)),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr []string
	}{
		{[]string{"a"}, 0, []string{"a     1.0      1.1     newer", "a/pkg.yaml:2"}, nil},
		{nil, 1, []string{"newer", "failed"}, []string{"b/pkg.yaml:2: b: ask " + server.URL + "/b/: 404 Not Found"}},
		{[]string{"c"}, 1, nil, []string{`no package of the tree is named "c"`}},
		{[]string{"-o", "xml"}, 2, nil, []string{`"xml" is not text or json`}},
		{[]string{"--offline"}, 1, nil, []string{"needs the network"}},
		{[]string{"--write"}, 1, []string{"written"}, []string{"b/pkg.yaml:2"}},
		{[]string{"a"}, 0, []string{"1.1      1.1     current"}, nil},
	} {
		var stdout, stderr bytes.Buffer

		if code := run(append([]string{"update", "-C", dir}, test.args...), &stdout, &stderr); code != test.code {
			t.Errorf("%v gives %d: %s", test.args, code, stderr.String())
		}

		for _, want := range test.stdout {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%v: %q is not in\n%s", test.args, want, stdout.String())
			}
		}

		for _, want := range test.stderr {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%v: %q is not in\n%s", test.args, want, stderr.String())
			}
		}
	}

	var stdout, stderr bytes.Buffer

	var results []update.Result
	if code := run([]string{"update", "-C", dir, "a", "-o", "json"}, &stdout, &stderr); code != 0 {
		t.Errorf("exit %d: %s", code, stderr.String())
	}

	if err := json.Unmarshal(stdout.Bytes(), &results); err != nil || len(results) != 1 || results[0].State != update.Current {
		t.Errorf("got %s, %v", stdout.String(), err)
	}
}
