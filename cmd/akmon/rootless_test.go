package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asUser runs a command as an ordinary user whom the machine gives subordinate
// ids, or not. The files that say so are put over the machine's own in a mount
// namespace, so that the machine stays as it is.
const asUser = `set -e
cat /etc/passwd >"$1/passwd"; echo "tester:x:54321:54321::$1:/bin/sh" >>"$1/passwd"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/$2" /etc/subuid
mount --bind "$1/$2" /etc/subgid
unset XDG_RUNTIME_DIR
export TMPDIR="$1"
shift 2
exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"`

// TestOrdinaryUser builds in a user namespace, offline, from a store that root
// has filled.
func TestOrdinaryUser(t *testing.T) {
	needEngine(t)

	for _, tool := range []string{"unshare", "setpriv", "newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if _, err := os.Stat(file); err != nil {
			t.Skip(err)
		}
	}

	w, out := newWorld(t), t.TempDir()
	w.ok("fetch")

	// The test binary is where other users can't go.
	program := filepath.Join(w.home, "akmon")

	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(os.WriteFile(program, data, 0o755),
		os.WriteFile(filepath.Join(w.home, "ids"), []byte("tester:100000:65536\n"), 0o644),
		os.WriteFile(filepath.Join(w.home, "none"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}

	for _, dir := range []string{w.home, w.tree, out} {
		give(t, dir)
	}

	user := func(ids string, args ...string) *exec.Cmd {
		cmd := w.program()
		cmd.Path = must(exec.LookPath("unshare"))
		cmd.Args = append([]string{"unshare", "--mount", "--propagation", "private", "bash", "-c", asUser, "-", w.home, ids, program}, args...)

		return cmd
	}

	build := []string{"build", "all", "--offline", "-o", "type=local,dest=" + out}

	if text, err := user("none", build...).CombinedOutput(); err == nil || !strings.Contains(string(text), "/etc/subuid has no range of 65536 ids for tester; have root run `usermod") {
		t.Errorf("without ids: %v\n%s", err, text)
	}

	probe := user("ids", "engine", "status")
	if text, err := probe.CombinedOutput(); err != nil {
		if strings.Contains(string(text), "this system does not allow one") {
			t.Skipf("no user namespaces here: %s", text)
		}

		t.Fatalf("%v\n%s", err, text)
	}

	w.good(user("ids", build...))

	if got := readFile(t, filepath.Join(out, "all/hello")); got != "hello from an image\n" {
		t.Errorf("got %q", got)
	}

	w.clean("after the build", out)
}

// give makes the ordinary user the owner of all below dir, and lets it get
// there.
func give(t *testing.T, dir string) {
	t.Helper()

	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 54321, 54321))
	})
	if err := errors.Join(err, os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}

	return text
}
