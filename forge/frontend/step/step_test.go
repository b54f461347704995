package step

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBadCommands(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, GoSum), "broken\n")
	write(t, filepath.Join(root, Lock), "format: v0\n")

	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "0 arguments, want a command and its argument"},
		{[]string{"bootsrap", "amd64"}, `unknown command "bootsrap", want bootstrap or modules`},
		{[]string{ModulesCommand, "direct://x"}, "direct://x"},
		{[]string{ModulesCommand, "http://127.0.0.1:1"}, "go.sum:1"},
		{[]string{BootstrapCommand, "amd64"}, `format is "v0"`},
	} {
		if err := Run(t.Context(), root, test.args, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
}

func TestCheckSHA512(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	write(t, name, "")

	// The sum of nothing (FIPS 180-4).
	const empty = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"

	if err := checkSHA512(name, empty); err != nil {
		t.Error(err)
	}

	write(t, name, "more")

	if err := checkSHA512(name, empty); err == nil || !strings.Contains(err.Error(), "wrong SHA-512") {
		t.Errorf("%v, want a wrong sum", err)
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "out")
	write(t, filepath.Join(from, "a/b"), "text")

	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}

	data, err := os.ReadFile(filepath.Join(to, "a/b"))
	if err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}

	if info, err := os.Stat(filepath.Join(to, "a/b")); err != nil || !info.ModTime().Equal(time.Unix(0, 0)) {
		t.Errorf("%v, %v", info, err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()

	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
