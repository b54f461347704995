package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
)

// TestLock pins a tag, moves it, and shows that the build stays where it was.
func TestLock(t *testing.T) {
	needEngine(t)

	w := newWorld(t)

	for _, args := range [][]string{{"validate", "--frozen"}, {"fetch", "--frozen"}, {"build", "all", "--frozen"}} {
		text := w.fails(args...)
		if want := "all/pkg.yaml:5:12: " + w.image + " is not pinned in akmon.lock.yaml; run `akmon lock`\n    5 |   - image: "; !strings.Contains(text, want) {
			t.Errorf("%v: %q is not in\n%s", args, want, text)
		}
	}

	if out, _ := w.ok("lock"); out != "akmon.lock.yaml\n" {
		t.Errorf("changed %q", out)
	}

	if _, text := w.ok("lock"); !strings.Contains(text, "Nothing to do") {
		t.Errorf("the second time: %s", text)
	}

	w.ok("validate", "--frozen")

	hello := func(args ...string) string {
		out := t.TempDir()
		w.ok(append([]string{"build", "all", "-o", "type=local,dest=" + out}, args...)...)

		return readFile(t, filepath.Join(out, "all", "hello"))
	}

	if got := hello("--frozen"); got != "hello from an image\n" {
		t.Errorf("got %q", got)
	}

	w.base("hello from another image\n")

	if got := hello("--frozen"); got != "hello from an image\n" {
		t.Errorf("the tag moved, and the build with it: %q", got)
	}

	pinned := readFile(t, filepath.Join(w.tree, "akmon.lock.yaml"))

	w.ok("lock", "--refresh")

	if readFile(t, filepath.Join(w.tree, "akmon.lock.yaml")) == pinned {
		t.Error("the lock was not refreshed")
	}

	if got := hello("--frozen"); got != "hello from another image\n" {
		t.Errorf("got %q", got)
	}

	// Without the lock, the tag decides, and offline what it meant last.
	w.base("hello from a third image\n")

	if err := os.Remove(filepath.Join(w.tree, "akmon.lock.yaml")); err != nil {
		t.Fatal(err)
	}

	if got := hello(); got != "hello from a third image\n" {
		t.Errorf("got %q", got)
	}

	w.server.Close()

	if got := hello("--offline"); got != "hello from a third image\n" {
		t.Errorf("offline: %q", got)
	}

	// A damaged lock, and one for images that are gone.
	w.file("akmon.lock.yaml", "format: v1alpha1\nimages:\n  - ref: "+w.image+"\n    digets: x\n")

	if text := w.fails("build", "all", "--offline"); !strings.Contains(text, `akmon.lock.yaml:4:5: unknown key "digets"; did you mean "digest"?`) {
		t.Errorf("got %s", text)
	}

	w.file("akmon.lock.yaml", "format: v1alpha1\nimages:\n  - ref: example.org/gone:1\n    digest: sha256:"+zeros[:64]+"\n  - ref: "+
		w.image+"\n    digest: sha256:"+zeros[:64]+"\n")
	w.ok("lock", "--prune")

	if text := readFile(t, filepath.Join(w.tree, "akmon.lock.yaml")); strings.Contains(text, "gone") || !strings.Contains(text, w.image) {
		t.Errorf("pruned to\n%s", text)
	}
}

// TestMirror takes an image from a mirror of its registry, which is gone.
func TestMirror(t *testing.T) {
	needEngine(t)

	w := newWorld(t)
	mirrored := strings.TrimPrefix(w.server.URL, "http://") + "/mirror/os/base:1"

	if err := crane.Copy(w.image, mirrored, crane.Insecure); err != nil {
		t.Fatal(err)
	}

	recipe := filepath.Join(w.tree, "all/pkg.yaml")
	w.file("all/pkg.yaml", strings.Replace(readFile(t, recipe), w.image, "registry.invalid/os/base:1", 1))

	cmd := w.program("fetch")
	cmd.Env = append(cmd.Env, "AKMON_MIRRORS=https://registry.invalid/="+w.server.URL+"/missing/,https://registry.invalid/="+w.server.URL+"/mirror/")
	w.good(cmd)

	if text := w.fails("fetch", "--store", t.TempDir()); !strings.Contains(text, "all/pkg.yaml:5:12") || !strings.Contains(text, "registry.invalid") {
		t.Errorf("got %s", text)
	}

	w.ok("build", "all", "--offline")
}
