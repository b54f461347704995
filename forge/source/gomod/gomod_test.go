package gomod_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

const goMod = "module example.org/Hello\n\ngo 1.20\n"

// module is example.org/Hello v1.0.0: the files of a GOPROXY by their paths,
// and its go.sum lines. The capital letter shows whether paths are escaped.
func module(t *testing.T) (files map[string][]byte, goSum string) {
	t.Helper()

	var buf bytes.Buffer

	z := zip.NewWriter(&buf)

	for name, text := range map[string]string{
		"go.mod":   goMod,
		"hello.go": "package hello\n\nfunc Text() string { return \"hello from a module\" }\n",
	} {
		w, err := z.Create("example.org/Hello@v1.0.0/" + name)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}

	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "m.zip")
	mod := filepath.Join(filepath.Dir(path), "go.mod")

	if err := errors.Join(os.WriteFile(path, buf.Bytes(), 0o644), os.WriteFile(mod, []byte(goMod), 0o644)); err != nil {
		t.Fatal(err)
	}

	zipSum, err := dirhash.HashZip(path, dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}

	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(mod) })
	if err != nil {
		t.Fatal(err)
	}

	const base = "/example.org/!hello/@v/v1.0.0"

	return map[string][]byte{base + ".zip": buf.Bytes(), base + ".mod": []byte(goMod)},
		fmt.Sprintf("example.org/Hello v1.0.0 %s\nexample.org/Hello v1.0.0/go.mod %s\n", zipSum, modSum)
}

func proxy(t *testing.T, files map[string][]byte) (url string, requests *atomic.Int64) {
	t.Helper()

	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)

		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)

			return
		}

		w.Write(data) //nolint:errcheck
	}))
	t.Cleanup(server.Close)

	return server.URL, requests
}

func open(t *testing.T) *source.Store {
	t.Helper()

	s, err := source.Open(t.TempDir(), source.Options{Attempts: 2, Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func env(t *testing.T, list string) mirror.GoEnv {
	t.Helper()

	proxies, err := mirror.ParseGoProxy(list)
	if err != nil {
		t.Fatal(err)
	}

	return mirror.GoEnv{Proxy: proxies}
}

// The go command builds from the tree alone.
func TestBuild(t *testing.T) {
	files, goSum := module(t)
	url, requests := proxy(t, files)
	store := open(t)

	dir, digest, err := gomod.ProxyDir(t.Context(), store, env(t, url), "go.sum", []byte(goSum))
	if err != nil {
		t.Fatal(err)
	}

	if digest != gomod.Digest([]byte(goSum)) || filepath.Base(dir) != digest || requests.Load() != 2 {
		t.Errorf("%s for %s with %d requests", dir, digest, requests.Load())
	}

	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to build with")
	}

	work := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module main\n\ngo 1.20\n\nrequire example.org/Hello v1.0.0\n",
		"go.sum":  goSum,
		"main.go": "package main\n\nimport hello \"example.org/Hello\"\n\nfunc main() { println(hello.Text()) }\n",
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	cmd := exec.CommandContext(t.Context(), goTool, "run", ".")
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOPROXY=file://"+dir, "GOFLAGS=-mod=readonly -modcacherw", "GOMODCACHE="+t.TempDir(),
		"GOTOOLCHAIN=local", "GONOSUMDB=", "GOPRIVATE=", "GOSUMDB=sum.invalid", "GOWORK=off")

	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "hello from a module") {
		t.Errorf("go run: %v\n%s", err, out)
	}

	// Again, and offline: nobody is asked, and it is the same tree.
	offline, err := source.Open(store.Root(), source.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}

	for range 2 {
		again, _, err := gomod.ProxyDir(t.Context(), offline, mirror.GoEnv{}, "go.sum", []byte(goSum))
		if err != nil || again != dir {
			t.Errorf("got %s, %v", again, err)
		}

		// The second time, the tree must come from the store.
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}

	if requests.Load() != 2 {
		t.Errorf("%d requests", requests.Load())
	}
}

// A tree that lost a file is made again.
func TestDamagedTree(t *testing.T) {
	files, goSum := module(t)
	url, _ := proxy(t, files)
	store := open(t)

	dir, _, err := gomod.ProxyDir(t.Context(), store, env(t, url), "go.sum", []byte(goSum))
	if err != nil {
		t.Fatal(err)
	}

	lost := filepath.Join(dir, "example.org/!hello/@v/v1.0.0.zip")
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}

	if _, _, err := gomod.ProxyDir(t.Context(), store, env(t, "off"), "go.sum", []byte(goSum)); err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(lost); err != nil {
		t.Error(err)
	}
}

func TestModCache(t *testing.T) {
	files, goSum := module(t)
	cache := t.TempDir()

	for name, data := range files {
		path := filepath.Join(cache, "cache/download", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o444)); err != nil {
			t.Fatal(err)
		}
	}

	good := mirror.GoEnv{ModCache: cache, Proxy: []mirror.Proxy{{URL: mirror.Off}}}
	if _, _, err := gomod.ProxyDir(t.Context(), open(t), good, "go.sum", []byte(goSum)); err != nil {
		t.Error(err)
	}

	// A damaged cache is not believed.
	path := filepath.Join(cache, "cache/download/example.org/!hello/@v/v1.0.0.mod")
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("module evil\n"), 0o444)); err != nil {
		t.Fatal(err)
	}

	_, _, err := gomod.ProxyDir(t.Context(), open(t), good, "go.sum", []byte(goSum))
	if err == nil || !strings.Contains(err.Error(), "GOPROXY is off") {
		t.Errorf("got %v", err)
	}
}

// Commas and pipes in GOPROXY, as "go help goproxy" has it.
func TestProxyList(t *testing.T) {
	files, goSum := module(t)
	good, _ := proxy(t, files)
	empty, _ := proxy(t, nil)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer server.Close()

	forbidden := server.URL

	tests := []struct {
		list string
		want string // in the error; empty for success
	}{
		{good, ""},
		{empty + "," + good, ""},
		{empty + "|" + good, ""},
		{forbidden + "," + good, "403"},
		{forbidden + "|" + good, ""},
		{empty + ",direct", "404"},
		{"direct", "not supported"},
		{"off", "GOPROXY is off"},
		{"", "names no proxy"},
	}

	for _, test := range tests {
		_, _, err := gomod.ProxyDir(t.Context(), open(t), env(t, test.list), "go.sum", []byte(goSum))
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.list, err, test.want)
		}
	}

	private := env(t, good)
	private.NoProxy = "example.org"

	if _, _, err := gomod.ProxyDir(t.Context(), open(t), private, "go.sum", []byte(goSum)); err == nil || !strings.Contains(err.Error(), "GOPRIVATE") {
		t.Errorf("a proxy was asked for a private module: %v", err)
	}
}

func TestWrongModule(t *testing.T) {
	files, goSum := module(t)
	files["/example.org/!hello/@v/v1.0.0.mod"] = []byte("module evil\n")
	url, _ := proxy(t, files)
	store := open(t)

	_, _, err := gomod.ProxyDir(t.Context(), store, env(t, url), "go.sum", []byte(goSum))

	sum := new(gomod.SumError)
	if !errors.As(err, &sum) || !strings.Contains(err.Error(), "example.org/Hello@v1.0.0") || !strings.Contains(err.Error(), url) {
		t.Errorf("got %v", err)
	}

	left, err := os.ReadDir(filepath.Join(store.Root(), "go"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestParseSum(t *testing.T) {
	const h1 = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

	entries, err := gomod.ParseSum("go.sum", []byte("example.org/b v1.2.3 "+h1+"\r\n\nexample.org/a v0.0.0-20260101000000-abcdefabcdef/go.mod "+h1+
		"\nexample.org/b v1.2.3 "+h1+"\nexample.org/c v1.0.0 h2:future\nexample.org/d/v2 v2.0.0 "+h1+"\nexample.org/e v3.0.0+incompatible "+h1+"\n"))
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Line, " ", e))
	}

	want := []string{
		"3 go.mod of example.org/a@v0.0.0-20260101000000-abcdefabcdef",
		"1 Go module example.org/b@v1.2.3",
		"6 Go module example.org/d/v2@v2.0.0",
		"7 Go module example.org/e@v3.0.0+incompatible",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	_, err = gomod.ParseSum("app/go.sum", []byte("example.org/a v1.0.0\nexample.org/../a v1.0.0 "+h1+"\nexample.org/a vX "+h1+
		"\nexample.org/a v1.0.0 h1:short\nexample.org/z v1.0.0 "+h1+"\nexample.org/z v1.0.0 h1:AAAEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"))
	for _, want := range []string{"app/go.sum:1:1:", "app/go.sum:2:1:", "app/go.sum:3:1:", "app/go.sum:4:1:", "app/go.sum:6:1: this module has another sum above"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzParseSum(f *testing.F) {
	f.Add([]byte("example.org/b v1.2.3 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"))
	f.Add([]byte("a b/go.mod h1:\n\x00 \n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := gomod.ParseSum("go.sum", data)
		if err != nil && entries != nil {
			t.Error("entries with an error")
		}

		for _, e := range entries {
			if strings.Contains(e.Path, "..") {
				t.Errorf("path %q", e.Path)
			}
		}
	})
}
