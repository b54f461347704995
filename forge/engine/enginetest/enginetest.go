// Package enginetest has what tests need that run steps with the embedded
// engine: a first userland made of this machine's programs.
package enginetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Need skips the test where steps can't be executed: it takes root, runc, and
// programs to copy.
func Need(t testing.TB) {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Skip("executing steps needs root")
	}

	for _, tool := range []string{"runc", "ldd", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// NoRace skips a test under the race detector: BuildKit races with itself when
// several solves share steps, and when a process has a terminal.
func NoRace(t testing.TB) {
	t.Helper()

	if raceDetector {
		t.Skip("BuildKit races with itself here")
	}
}

// Tools are the programs that Tree's userland has.
var Tools = []string{
	"bash", "sh", "cat", "ls", "mkdir", "stat", "cp", "sleep", "date", "touch", "nproc", "hostname", "tar", "gzip",
	"rm", "seq", "stty", "env", "head", "od",
}

var libm = []string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"}

// Tree writes files below dir, by path, and the package shell, which has this
// machine's bash and Tools with their libraries. Recipes use it with
// `dependencies: [{stage: shell}]`.
func Tree(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	Need(t)

	copied := map[string]bool{}

	for _, tool := range Tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("%s is not installed", tool)
		}

		program(t, filepath.Join(dir, "shell", "root"), path, copied)
	}

	write(t, filepath.Join(dir, "shell", "pkg.yaml"), []byte("name: shell\nfinalize:\n  - from: /pkg/root\n    to: /\n"), 0o644)

	// The library of mathematics comes with every real C library: what is
	// preloaded may need it.
	for _, lib := range libm {
		if data, err := os.ReadFile(lib); err == nil {
			write(t, filepath.Join(dir, "shell", "root", lib), data, 0o755)
		}
	}

	for name, text := range files {
		write(t, filepath.Join(dir, name), []byte(text), 0o644)
	}
}

// program copies a program to /bin, and the libraries that it is linked with to
// where they are on this machine.
func program(t testing.TB, root, path string, copied map[string]bool) {
	t.Helper()

	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		t.Skipf("ldd %s: %v", path, err)
	}

	from := map[string]string{"/bin/" + filepath.Base(path): path}

	for word := range strings.FieldsSeq(string(out)) {
		if filepath.IsAbs(word) {
			from[word] = word
		}
	}

	for to, source := range from {
		if copied[to] {
			continue
		}

		copied[to] = true

		data, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}

		write(t, filepath.Join(root, to), data, 0o755)
	}
}

func write(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}
