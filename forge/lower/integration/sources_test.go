package integration_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/git"
)

func sums(data []byte) string {
	return fmt.Sprintf("        sha256: %x\n        sha512: %x\n", sha256.Sum256(data), sha512.Sum512(data))
}

// tarOf packs names and texts.
func tarOf(t *testing.T, files ...string) []byte {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)

	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i], Mode: 0o755, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()

	var out bytes.Buffer

	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}

	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// gitServer serves a repository with one commit.
func gitServer(t *testing.T, files ...string) (url, commit string) {
	t.Helper()

	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")

	run := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}

		return strings.TrimSpace(string(out))
	}

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}

	backend := filepath.Join(run("--exec-path"), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("%s is not installed", backend)
	}

	base := t.TempDir()
	dir := filepath.Join(base, "thing")

	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644)
	}

	run("init", "-q", dir)
	run("-C", dir, "add", "-A")
	run("-C", dir, "commit", "-q", "-m", "one")

	server := httptest.NewServer(&cgi.Handler{
		Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + base, "GIT_HTTP_EXPORT_ALL=1"},
		InheritEnv: []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}, Stderr: io.Discard,
	})
	t.Cleanup(server.Close)

	return server.URL + "/thing/.git", run("-C", dir, "rev-parse", "HEAD")
}

// imageServer serves an image with one layer.
func imageServer(t *testing.T, files ...string) (ref string) {
	t.Helper()

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)

	image, err := mutate.AppendLayers(empty.Image, static.NewLayer(tarOf(t, files...), types.OCIUncompressedLayer))
	if err != nil {
		t.Fatal(err)
	}

	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	config.OS, config.Architecture = "linux", "amd64"

	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}

	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/tools:v1")
	if err != nil {
		t.Fatal(err)
	}

	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}

	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}

	return tag.String() + "@" + digest.String()
}

// debServer serves a source package in the format 3.0 (quilt), and gives its
// .dsc.
func debServer(t *testing.T, orig, debian []byte) (url string, dsc []byte) {
	t.Helper()

	files := map[string][]byte{"thing_1.orig.tar.gz": orig, "thing_1-1.debian.tar.gz": debian}
	text := "Format: 3.0 (quilt)\nSource: thing\nVersion: 1-1\nChecksums-Sha256:\n"

	for name, data := range files {
		text += fmt.Sprintf(" %x %d %s\n", sha256.Sum256(data), len(data), name)
	}

	files["thing_1-1.dsc"] = []byte(text)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if data, ok := files[filepath.Base(r.URL.Path)]; ok {
			w.Write(data) //nolint:errcheck // the client finds out

			return
		}

		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)

	return server.URL + "/pool/thing_1-1.dsc", []byte(text)
}

// Sources of every kind are fetched, put in their places and patched.
func TestSources(t *testing.T) {
	dir, state, store := t.TempDir(), t.TempDir(), t.TempDir()
	userland(t, filepath.Join(dir, "shell", "root"), "patch")

	gitURL, commit := gitServer(t, "x.c", "1\n2\n3\n", "sub/y", "y\n")
	ref := imageServer(t, "usr/bin/tool", "tool\n", "usr/share/doc", "doc\n")
	dscURL, dsc := debServer(t, gzipped(t, tarOf(t, "thing-1/a", "a\n")), gzipped(t, tarOf(t, "debian/rules", "r\n",
		"debian/patches/series", "a.patch\n", "debian/patches/a.patch", "--- x/a\n+++ y/a\n@@ -1 +1 @@\n-a\n+b\n")))

	scratch, err := source.Open(filepath.Join(t.TempDir(), "store"), source.Options{})
	if err != nil {
		t.Fatal(err)
	}

	var archive bytes.Buffer
	if _, err := git.Archive(t.Context(), scratch, gitURL,
		git.Wanted{Source: source.Source{URL: gitURL}, Revision: commit}, &archive); err != nil {
		t.Fatal(err)
	}

	recipe := `name: app
dependencies:
  - stage: shell
steps:
  - sources:
      - git: ` + gitURL + `
        commit: ` + commit + "\n" + sums(archive.Bytes()) + `
      - git: ` + gitURL + `
        commit: ` + commit + `
        from: sub
        destination: part
` + sums(archive.Bytes()) + `
      - image: ` + ref + `
        from: usr/bin/tool
        platform: linux/amd64
        destination: bin/
      - debian: ` + dscURL + `
        destination: deb
` + sums(dsc) + `
    prepare:
      - test "$(cat x.c)" = $'1\n2\n3'
      - test "$(cat part/y deb/a bin/tool)" = $'y\nb\ntool'
      - test -x deb/debian/rules
      - test ! -e bin/doc && test ! -e part/x.c
      - test "$(stat -c %u:%g:%a:%Y x.c)" = 0:0:644:315532800
      - echo old >made
    patches:
      - patches/*.patch
    build:
      - test "$(cat x.c made)" = $'1\nzwei\n3\nnew'
      - test ! -e x.c.orig
    install:
      - mkdir -p /rootfs && cp x.c /rootfs/
finalize:
  - from: /rootfs
`

	for file, text := range map[string]string{
		"pkg.yaml":             "format: v1alpha2\n",
		"shell/pkg.yaml":       "name: shell\nfinalize:\n  - from: /pkg/root\n    to: /\n",
		"app/pkg.yaml":         recipe,
		"app/patches/1.patch":  "--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n",
		"app/patches/2.patch":  "--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n 1\n-two\n+zwei\n 3\n--- a/made\n+++ b/made\n@@ -1 +1 @@\n-old\n+new\n",
		"app/patches/readme":   "none\n",
		"wrong/pkg.yaml":       "name: wrong\ndependencies:\n  - stage: shell\nsteps:\n  - prepare:\n      - echo 1 >x.c\n    patches:\n      - fix.patch\nfinalize:\n  - from: /rootfs\n",
		"wrong/fix.patch":      "--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-2\n+3\n",
		"without/pkg.yaml":     "name: without\ndependencies:\n  - stage: shell\nsteps:\n  - env: {PATH: /nowhere}\n    patches:\n      - fix.patch\nfinalize:\n  - from: /rootfs\n",
		"without/fix.patch":    "--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-2\n+3\n",
		"app/patches/.x.patch": "no diff\n@@ -1 +1 @@\n",
	} {
		write(t, filepath.Join(dir, file), []byte(text), 0o644)
	}

	t.Setenv("AKMON_MIRRORS", "")

	build := func(target, out string) error {
		_, err := forge.Build(context.Background(), forge.Options{
			Dir: dir, Targets: []string{target}, Store: store, Engine: engine.Options{StateDir: state},
			Outputs: []forge.Output{{Type: engine.LocalDir, Dest: out}}, Log: testLog{t},
		})

		return err
	}

	out := t.TempDir()
	if err := build("app", out); err != nil {
		t.Fatal(err)
	}

	got, err := os.ReadFile(filepath.Join(out, "app", "x.c"))
	if err != nil || string(got) != "1\nzwei\n3\n" {
		t.Errorf("x.c is %q: %v", got, err)
	}

	for target, wants := range map[string][]string{
		"wrong":   {"patch 1/1: fix.patch", "Hunk #1 FAILED", "patch fix.patch does not apply"},
		"without": {"patches need the program patch, and no dependency has it"},
	} {
		err := build(target, t.TempDir())

		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", target, err, want)
			}
		}
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))

	return len(p), nil
}
