package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/mod/sumdb/dirhash"
)

// asProgram makes the test binary the program itself.
const asProgram = "AKMON_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}

	os.Exit(m.Run())
}

// world is a tree whose package `all` is made of one thing of every kind, the
// servers that have them, and a home to build it in.
type world struct {
	*testing.T

	tree, home string
	server     *httptest.Server
	image      string // the base image's reference with a tag

	mu    sync.Mutex
	files map[string][]byte
	slow  time.Duration // pause before each 64 KiB that is served
}

// needEngine skips a test that executes steps where that can't be done.
func needEngine(t *testing.T) {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Skip("executing steps needs root")
	}

	for _, tool := range []string{"runc", "ldd", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("executing steps needs %s", tool)
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()

	w := &world{T: t, tree: t.TempDir(), home: t.TempDir(), files: map[string][]byte{}}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))

	w.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			images.ServeHTTP(out, r)

			return
		}

		w.mu.Lock()
		data, ok := w.files[r.URL.Path]
		slow := w.slow
		w.mu.Unlock()

		if !ok {
			http.NotFound(out, r)

			return
		}

		http.ServeContent(out, r, "", time.Time{}, &slowReader{bytes.NewReader(data), slow})
	}))
	t.Cleanup(w.server.Close)

	w.file("pkg.yaml", "format: v1alpha2\nepoch: 2026-01-02\n")
	w.floor()
	w.base("hello from an image\n")
	w.module()

	data := bytes.Repeat([]byte("a source of some size\n"), 50_000)
	w.serve("/source.txt", data)

	w.file("all/pkg.yaml", fmt.Sprintf(`name: all
version: "1"
dependencies:
  - debian: ../floor/debian.lock.yaml
  - image: %s
    from: /from-image
    to: /from-image
steps:
  - sources:
      - url: %s/source.txt
        sha256: %x
        sha512: %x
      - go: mod
    install:
      - mkdir -p /rootfs
      - cp source.txt /from-image/hello /go/proxy/example.org/hello/@v/v1.0.0.mod /rootfs/
finalize:
  - from: /rootfs
    to: /
`, w.image, w.server.URL, sha256.Sum256(data), sha512.Sum512(data)))

	return w
}

// slowReader makes interruptions likely.
type slowReader struct {
	*bytes.Reader
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(s.pause)

	return s.Reader.Read(p[:min(len(p), 64<<10)])
}

// WriteTo hides that of bytes.Reader, which would write all at once.
func (s *slowReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{s})
}

// slowly makes the server pause before each 64 KiB.
func (w *world) slowly(pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.slow = pause
}

func (w *world) serve(path string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.files[path] = data
}

func (w *world) file(name, text string) {
	w.Helper()

	path := filepath.Join(w.tree, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}

	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

// floor is a Debian userland of one package, which holds this machine's bash
// and a few programs more, and its lock.
func (w *world) floor() {
	w.Helper()

	var data bytes.Buffer

	archive := tar.NewWriter(&data)
	seen := map[string]bool{}

	install := func(from, to string) {
		if seen[to] {
			return
		}

		seen[to] = true

		content, err := os.ReadFile(from)
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: "." + to, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
		}

		if err == nil {
			_, err = archive.Write(content)
		}

		if err != nil {
			w.Fatal(err)
		}
	}

	for _, tool := range []string{"bash", "cp", "mkdir", "sleep", "dd", "ls"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			w.Skipf("%s is not installed", tool)
		}

		install(path, "/bin/"+tool)

		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			w.Skipf("ldd %s: %v", path, err)
		}

		for _, word := range strings.Fields(string(libraries)) {
			if filepath.IsAbs(word) {
				install(word, word)
			}
		}
	}

	archive.Close() //nolint:errcheck // into memory

	deb := []byte("!<arch>\n")
	for _, member := range [][2]string{{"debian-binary", "2.0\n"}, {"data.tar", data.String()}} {
		deb = fmt.Appendf(deb, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", member[0], 0, 0, 0, 0o100644, len(member[1]), member[1])
		if len(member[1])%2 == 1 {
			deb = append(deb, '\n')
		}
	}

	w.serve("/floor.deb", deb)
	w.file("floor/debian.lock.yaml", fmt.Sprintf(`format: v1alpha1
wanted: none
snapshot: 20260102T000000Z
releases: []
userlands:
  %s:
    - {name: floor, arch: all, version: "1", url: "%s/floor.deb", size: %d, sha256: %x, sha512: %x}
`, map[string]string{"amd64": "amd64", "arm64": "arm64"}[runtime.GOARCH], w.server.URL, len(deb), sha256.Sum256(deb), sha512.Sum512(deb)))
}

// base is an image with one file in the registry, under the same tag as any
// before it.
func (w *world) base(hello string) {
	w.Helper()

	img, err := crane.Image(map[string][]byte{"from-image/hello": []byte(hello)})
	if err != nil {
		w.Fatal(err)
	}

	config, err := img.ConfigFile()
	if err != nil {
		w.Fatal(err)
	}

	config.OS, config.Architecture = "linux", runtime.GOARCH
	w.image = strings.TrimPrefix(w.server.URL, "http://") + "/base:1"

	if err := crane.Push(img, w.image); err != nil {
		w.Fatal(err)
	}
}

// module is a Go module at the proxy, and a go.sum that names it.
func (w *world) module() {
	w.Helper()

	const mod = "module example.org/hello\n"

	var packed bytes.Buffer

	z := zip.NewWriter(&packed)

	for _, file := range [][2]string{{"go.mod", mod}, {"hello.go", "package hello\n"}} {
		out, err := z.Create("example.org/hello@v1.0.0/" + file[0])
		if err == nil {
			_, err = io.WriteString(out, file[1])
		}

		if err != nil {
			w.Fatal(err)
		}
	}

	z.Close() //nolint:errcheck // into memory

	path := filepath.Join(w.TempDir(), "m.zip")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		w.Fatal(err)
	}

	zipSum, err := dirhash.HashZip(path, dirhash.Hash1)
	if err != nil {
		w.Fatal(err)
	}

	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(mod)), nil })
	if err != nil {
		w.Fatal(err)
	}

	w.serve("/proxy/example.org/hello/@v/v1.0.0.zip", packed.Bytes())
	w.serve("/proxy/example.org/hello/@v/v1.0.0.mod", []byte(mod))
	w.file("mod/go.sum", fmt.Sprintf("example.org/hello v1.0.0 %s\nexample.org/hello v1.0.0/go.mod %s\n", zipSum, modSum))
}

// program is the program with the world's home and servers.
func (w *world) program(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.Context(), os.Args[0], args...)
	cmd.Dir = w.tree
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GO") || strings.HasPrefix(v, "AKMON_") || strings.HasPrefix(v, "XDG_C")
	}),
		asProgram+"=1", "XDG_CACHE_HOME="+filepath.Join(w.home, "cache"), "XDG_CONFIG_HOME="+filepath.Join(w.home, "config"),
		"AKMON_MIRRORS=", "GOPROXY="+w.server.URL+"/proxy", "GOMODCACHE="+filepath.Join(w.home, "mod"),
		"GOCOVERDIR="+w.home, "DOCKER_CONFIG="+w.home)

	return cmd
}

// ok runs the program to its good end and returns what it printed.
func (w *world) ok(args ...string) (stdout, stderr string) {
	w.Helper()

	return w.good(w.program(args...))
}

func (w *world) good(cmd *exec.Cmd) (stdout, stderr string) {
	w.Helper()

	var out, errs strings.Builder

	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		w.Fatalf("%v: %v\n%s", cmd.Args[1:], err, errs.String())
	}

	return out.String(), errs.String()
}

// fails runs the program, which must end with exit code 1, and returns what it
// said.
func (w *world) fails(args ...string) string {
	w.Helper()

	text, err := w.program(args...).CombinedOutput()
	if err == nil {
		w.Fatalf("%v did not fail: %s", args, text)
	}

	if code := err.(*exec.ExitError).ExitCode(); code != 1 { //nolint:errorlint,forcetypeassert // as Run returns it
		w.Errorf("%v: exit code %d\n%s", args, code, text)
	}

	return string(text)
}
