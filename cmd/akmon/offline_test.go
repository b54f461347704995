package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOffline fetches one thing of each kind, and builds from the store in a
// network namespace that has no interface but a loopback that is down.
func TestOffline(t *testing.T) {
	needEngine(t)

	w := newWorld(t)
	store := filepath.Join(t.TempDir(), "store")

	// Nothing is there: all of it is named, and how to get it.
	text := w.fails("build", "all", "--offline", "--store", store)
	for _, want := range []string{
		"all/pkg.yaml:10:14: all: " + w.server.URL + "/source.txt is not in the store, and the build is offline",
		"all/pkg.yaml:5:12: all: " + w.image + " is not in the store",
		"Go module example.org/hello@v1.0.0", "go.mod of example.org/hello@v1.0.0", "floor.deb is not in the store",
		"\nwhere there is a network, fetch it: akmon fetch all --store " + store + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	w.ok("fetch", "all", "--store", store)
	w.server.Close()

	out := t.TempDir()
	cmd := w.program("build", "all", "--offline", "--store", store, "-o", "type=local,dest="+out)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}

	w.good(cmd)

	for name, want := range map[string]string{"hello": "hello from an image\n", "v1.0.0.mod": "module example.org/hello\n"} {
		if got, err := os.ReadFile(filepath.Join(out, "all", name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
