package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var (
	kills = flag.Int("kills", 4, "how many builds TestKilledBuilds kills")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random moments of TestKilledBuilds")
)

// script replaces the instructions of the world's package.
func (w *world) script(lines ...string) {
	w.Helper()

	path := filepath.Join(w.tree, "all/pkg.yaml")
	before, _, _ := strings.Cut(readFile(w.T, path), "    install:\n")
	w.file("all/pkg.yaml", before+"    install:\n      - "+strings.Join(append([]string{"mkdir -p /rootfs"}, lines...), "\n      - ")+
		"\nfinalize:\n  - {from: /rootfs, to: /}\n")
}

// leaks lists what builds have left: in the world's caches and on the machine.
func (w *world) leaks(outputs ...string) []string {
	w.Helper()

	var found []string

	mounts := readFile(w.T, "/proc/self/mountinfo")
	for line := range strings.Lines(mounts) {
		if strings.Contains(line, w.home+"/") && !strings.Contains(line, " - tmpfs small ") {
			found = append(found, "mount "+strings.TrimSpace(line))
		}
	}

	found = append(found, w.containers()...)

	// As forge/engine names it.
	state, err := filepath.EvalSymlinks(filepath.Join(w.home, "cache/akmon/engine"))
	if err == nil {
		sum := sha256.Sum256([]byte(state))
		name := "akmon-" + hex.EncodeToString(sum[:6])

		v1, _ := filepath.Glob("/sys/fs/cgroup/*/" + name) //nolint:errcheck // the pattern is right
		v2, _ := filepath.Glob("/sys/fs/cgroup/" + name)   //nolint:errcheck // as above
		found = append(append(found, v1...), v2...)
	}

	for _, dir := range append([]string{w.home, w.tree}, outputs...) {
		found = append(found, temporaries(w.T, dir)...)
	}

	return found
}

// containers lists those of the world's engine.
func (w *world) containers() []string {
	var found []string

	states, _ := filepath.Glob("/run/runc/*/state.json") //nolint:errcheck // the pattern is right
	for _, path := range states {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), w.home+"/") {
			found = append(found, "container "+path)
		}
	}

	return found
}

// temporaries lists the files below dir that are nobody's result.
func temporaries(t *testing.T, dir string) []string {
	t.Helper()

	var found []string

	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		parent := filepath.Base(filepath.Dir(path))

		switch name := d.Name(); {
		case parent == "partial", parent == "tmp" && strings.Contains(path, "/engine/"), parent == "staging",
			strings.Contains(name, ".akmon-tmp-"), strings.HasPrefix(name, ".assemble-"), strings.HasPrefix(name, ".tree-"),
			name == "rootfs" && strings.Contains(path, "/executor/"):
			found = append(found, path)
		}

		if d.IsDir() && d.Name() == "snapshots" && strings.Contains(path, "/engine/") {
			return fs.SkipDir // the results of steps
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// clean fails the test if anything is left.
func (w *world) clean(when string, outputs ...string) {
	w.Helper()

	if diff := cmp.Diff([]string(nil), w.leaks(outputs...)); diff != "" {
		w.Errorf("left %s (-want +got):\n%s", when, diff)
	}
}

// digest builds to a layout and returns the image's digest.
func (w *world) digest(out string, args ...string) string {
	w.Helper()

	text, _ := w.ok(append([]string{"build", "all", "--json", "-o", "type=oci,dest=" + out}, args...)...)

	var result struct{ Targets []struct{ Digest string } }
	if err := json.Unmarshal([]byte(text), &result); err != nil || len(result.Targets) != 1 || result.Targets[0].Digest == "" {
		w.Fatalf("%v: %s", err, text)
	}

	return result.Targets[0].Digest
}

// TestKilledBuilds kills builds at random moments, from their first to their
// last, and then builds to the end. For more than CI does:
//
//	go test ./cmd/akmon -run TestKilledBuilds -kills 50 -v
func TestKilledBuilds(t *testing.T) {
	needEngine(t)

	w, out := newWorld(t), t.TempDir()
	w.script("sleep 0.2", "cp source.txt /from-image/hello /rootfs/", "sleep 0.2")
	w.slowly(2 * time.Millisecond)

	start := time.Now()
	want := w.digest(out)
	whole := time.Since(start)

	t.Logf("a whole build takes %v; seed %d", whole, *seed)

	random := rand.New(rand.NewPCG(*seed, 0))

	for i := range *kills {
		// Every other build fetches, assembles and runs everything again.
		args := []string{"build", "all", "-o", "type=oci,dest=" + out}
		if i%2 == 0 {
			args = append(args, "--no-cache")

			if err := errors.Join(os.RemoveAll(filepath.Join(w.home, "cache/akmon/store")), os.RemoveAll(filepath.Join(w.home, "cache/akmon/bootstrap")), os.RemoveAll(filepath.Join(out, "all"))); err != nil {
				t.Fatal(err)
			}
		}

		cmd := w.program(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}

		time.Sleep(time.Duration(random.Float64() * 1.1 * float64(whole)))

		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}

		_ = cmd.Wait() // it was killed
	}

	if got := w.digest(out); got != want {
		t.Errorf("after the kills %s, before %s", got, want)
	}

	w.clean("after a good build", out)
	w.ok("store", "verify")

	// And once more without what those may have left in the cache.
	if got := w.digest(out, "--no-cache"); got != want {
		t.Errorf("without the cache %s, before %s", got, want)
	}
}

// TestSignals ends builds in the middle of a step.
func TestSignals(t *testing.T) {
	needEngine(t)

	w, out := newWorld(t), t.TempDir()
	w.script("sleep 600")

	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		var text strings.Builder

		cmd := w.program("build", "all", "-o", "type=oci,dest="+out)
		cmd.Stderr = &text

		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}

		w.wait("the step", func() bool { return len(w.containers()) > 0 })

		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}

		_ = cmd.Wait() // the code says it

		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(text.String(), "cancelled") {
			t.Errorf("%v: exit code %d\n%s", signal, code, text.String())
		}

		w.clean("after "+signal.String(), out)
	}
}

func (w *world) wait(what string, ok func() bool) {
	w.Helper()

	for range 1200 {
		if ok() {
			return
		}

		time.Sleep(50 * time.Millisecond)
	}

	w.Fatalf("%s did not come", what)
}

// TestTwoBuilds has two builds on one state at a time: the second waits.
func TestTwoBuilds(t *testing.T) {
	needEngine(t)

	w := newWorld(t)
	w.script("sleep 2", "cp source.txt /rootfs/")

	outputs := []string{t.TempDir(), t.TempDir()}

	var texts [2]strings.Builder

	first := w.program("build", "all", "-o", "type=oci,dest="+outputs[0])
	first.Stderr = &texts[0]

	if err := first.Start(); err != nil {
		t.Fatal(err)
	}

	w.wait("the first one's step", func() bool { return len(w.containers()) > 0 })

	if out, _ := w.ok("engine", "status", "-o", "json"); !strings.Contains(out, fmt.Sprintf(`"inUseBy": %d`, first.Process.Pid)) {
		t.Errorf("status: %s", out)
	}

	second := w.program("build", "all", "-o", "type=oci,dest="+outputs[1])
	second.Stderr = &texts[1]

	if err := second.Run(); err != nil {
		t.Errorf("second: %v\n%s", err, texts[1].String())
	}

	if err := first.Wait(); err != nil {
		t.Errorf("first: %v\n%s", err, texts[0].String())
	}

	if want := fmt.Sprintf("is in use by process %d; waiting for it", first.Process.Pid); !strings.Contains(texts[1].String(), want) {
		t.Errorf("%q is not in\n%s", want, texts[1].String())
	}

	if a, b := readFile(t, filepath.Join(outputs[0], "all/index.json")), readFile(t, filepath.Join(outputs[1], "all/index.json")); a != b {
		t.Errorf("they built\n%s\n%s", a, b)
	}

	w.clean("after both", outputs...)
}

// smallDisk mounts a file system of a few mebibytes.
func (w *world) smallDisk(dir string, mebibytes int) {
	w.Helper()

	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.Fatal(err)
	}

	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		w.Skipf("a small file system cannot be mounted: %v", err)
	}

	w.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			w.Error(err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	needEngine(t)

	t.Run("fetch", func(t *testing.T) {
		w := newWorld(t)
		store := filepath.Join(w.home, "store")
		w.smallDisk(store, 1)

		if text := w.fails("fetch", "--store", store); !strings.Contains(text, "no space left on device") || !strings.Contains(text, store) {
			t.Errorf("got %s", text)
		}

		w.clean("after fetch")
		w.ok("store", "verify", "--store", store)
	})

	t.Run("step", func(t *testing.T) {
		w, out := newWorld(t), t.TempDir()
		w.ok("fetch")

		engine := filepath.Join(w.home, "cache/akmon/engine")
		w.smallDisk(engine, 128)
		w.script("dd if=/dev/zero of=/rootfs/big bs=1M count=500")

		if text := w.fails("build", "all", "-o", "type=oci,dest="+out); !strings.Contains(text, "[all] install 2/2: dd") || !strings.Contains(text, "no space left on the disk of "+engine) {
			t.Errorf("got %s", text)
		}

		w.clean("after the step", out)

		w.script("cp source.txt /rootfs/")
		w.digest(out)
		w.clean("after a smaller one", out)
	})

	t.Run("export", func(t *testing.T) {
		w, out := newWorld(t), filepath.Join(t.TempDir(), "out")
		w.smallDisk(out, 4)
		w.script("dd if=/dev/zero of=/rootfs/big bs=1M count=20")

		for _, form := range []string{"oci", "oci-tar", "docker", "local"} {
			if text := w.fails("build", "all", "-o", "type="+form+",dest="+out); !strings.Contains(text, "no space left on the disk of "+out) {
				t.Errorf("%s: got %s", form, text)
			}

			if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
				t.Errorf("%s left %v, %v", form, left, err)
			}
		}

		w.clean("after exporting", out)
	})
}

// TestClockSetBack simulates a clock that was ahead by years when the caches
// were filled and is right now: it moves the times of all files in them. (The
// times inside BuildKit's index are moved by a test of forge/engine.)
func TestClockSetBack(t *testing.T) {
	needEngine(t)

	w, out := newWorld(t), t.TempDir()
	want := w.digest(out)
	ahead := time.Now().AddDate(3, 0, 0)

	// What a killed process of then left.
	dead := filepath.Join(w.home, "cache/akmon/store/partial/add-1")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	err := filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}

		return os.Chtimes(path, ahead, ahead)
	})
	if err != nil {
		t.Fatal(err)
	}

	if got := w.digest(out); got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	if got := w.digest(out, "--no-cache"); got != want {
		t.Errorf("without the cache %s, want %s", got, want)
	}

	w.clean("after the builds", out)
	w.ok("store", "verify")

	if out, _ := w.ok("engine", "gc", "-o", "json"); strings.Contains(out, `"records": 0`) {
		t.Errorf("nothing was collected: %s", out)
	}
}
