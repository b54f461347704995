package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStore carries what one target needs to another machine, whose store has
// never seen a network, and builds there.
func TestStore(t *testing.T) {
	needEngine(t)

	w := newWorld(t)
	store, other, stick := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "store"), t.TempDir()
	tar := filepath.Join(stick, "sources.tar")

	// One more package, which the other machine does not need.
	w.file("other/pkg.yaml", strings.NewReplacer("name: all", "name: other", "source.txt\n", "other.txt\n").
		Replace(readFile(t, filepath.Join(w.tree, "all/pkg.yaml"))))
	w.serve("/other.txt", []byte(strings.Repeat("a source of some size\n", 50_000)))

	if text := w.fails("store", "export", tar, "all", "--store", store); !strings.Contains(text, "the store lacks") ||
		!strings.Contains(text, "akmon fetch all --store "+store) {
		t.Errorf("exporting what is not there: %s", text)
	}

	w.ok("fetch", "--store", store)
	w.ok("store", "export", tar, "all", "--store", store)

	again := tar + ".again"
	w.ok("store", "export", again, "all", "--store", store)

	if readFile(t, tar) != readFile(t, again) {
		t.Error("two exports differ")
	}

	var imported struct{ Files, Added int }

	out, _ := w.ok("store", "import", tar, "--store", other, "-o", "json")
	if err := json.Unmarshal([]byte(out), &imported); err != nil || imported.Files != imported.Added || imported.Files < 6 {
		t.Errorf("%s: %v", out, err)
	}

	w.server.Close()

	cmd := w.program("build", "all", "--offline", "--store", other, "-o", "type=local,dest="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	w.good(cmd)

	var files []storeFile

	out, _ = w.ok("store", "ls", "--store", other, "-o", "json")
	if err := json.Unmarshal([]byte(out), &files); err != nil || len(files) != imported.Files {
		t.Errorf("%s: %v", out, err)
	}

	if out, _ = w.ok("store", "ls", "--store", other); strings.Count(out, "\n") != imported.Files+1 || !strings.Contains(out, w.server.URL+"/source.txt") {
		t.Errorf("got\n%s", out)
	}

	damage(t, w, other, files)

	// What is left is needed by nobody's tree but this one's.
	if out, _ = w.ok("store", "gc", "--store", store); !strings.HasPrefix(out, "deleted 0 files") {
		t.Errorf("got %s", out)
	}

	if err := os.RemoveAll(filepath.Join(w.tree, "all")); err != nil {
		t.Fatal(err)
	}

	if out, _ = w.ok("store", "gc", "--store", store); !strings.HasPrefix(out, "deleted 0 files") {
		t.Errorf("other needs what all did, too: %s", out)
	}

	if err := os.RemoveAll(filepath.Join(w.tree, "other")); err != nil {
		t.Fatal(err)
	}

	w.file("none/pkg.yaml", "name: none\nfinalize: [{from: /, to: /}]\n")

	if out, _ = w.ok("store", "gc", "--store", store, "-o", "json"); strings.Contains(out, `"files": 0`) {
		t.Errorf("got %s", out)
	}

	if out, _ = w.ok("store", "ls", "--store", store, "-o", "json"); out != "[]\n" {
		t.Errorf("left %s", out)
	}
}

// damage changes a byte of one file behind the store's back.
func damage(t *testing.T, w *world, store string, files []storeFile) {
	t.Helper()

	bad := ""

	for _, f := range files {
		if strings.HasSuffix(f.URL, "/source.txt") {
			bad = filepath.Join(store, "sha256", f.SHA256)
		}
	}

	data := []byte(readFile(t, bad))
	data[7] ^= 1

	if err := errors.Join(os.WriteFile(bad, data, 0o644), os.Chtimes(bad, time.Unix(0, 0), time.Unix(0, 0))); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		flag string
		code int
		want string
	}{
		{"", 1, filepath.Base(bad) + ": its 1100000 bytes have the SHA-256 "},
		{"--quarantine", 0, "(" + w.server.URL + "/source.txt): quarantined"},
		{"", 0, ""},
	} {
		args := []string{"store", "verify", "--store", store}
		if test.flag != "" {
			args = append(args, test.flag)
		}

		var out bytes.Buffer

		cmd := w.program(args...)
		cmd.Stdout = &out

		_ = cmd.Run() // the code says it

		if cmd.ProcessState.ExitCode() != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("verify %s: exit code %d\n%s", test.flag, cmd.ProcessState.ExitCode(), out.String())
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	return string(data)
}
