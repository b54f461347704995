package forge

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/tree"
)

// writeFiles writes a tree and returns its directory.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()

	dir := t.TempDir()

	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// TestLockStaysInside shows that what pins a userland is neither read nor
// written outside of the tree, whatever links say.
func TestLockStaysInside(t *testing.T) {
	outside := writeFiles(t, map[string]string{"debian.yaml": "secret: of another\n", "debian.lock.yaml": "secret: of another\n"})

	for name, test := range map[string]struct{ link, target, recipe string }{
		"lock":      {"a/debian.lock.yaml", "debian.lock.yaml", "debian.lock.yaml"},
		"wishes":    {"a/debian.yaml", "debian.yaml", "debian.lock.yaml"},
		"directory": {"a/out", ".", "out/debian.lock.yaml"},
		"new lock":  {"a/out", ".", "out/other.lock.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{
				"pkg.yaml":   "format: v1alpha2\n",
				"a/pkg.yaml": "name: a\ndependencies: [{debian: " + test.recipe + "}]\nfinalize: [{}]\n",
			})

			if err := os.Symlink(filepath.Join(outside, test.target), filepath.Join(dir, test.link)); err != nil {
				t.Fatal(err)
			}

			for what, do := range map[string]func() error{
				"lock": func() error {
					_, err := Lock(t.Context(), Options{Dir: dir, Offline: true, Store: t.TempDir()}, LockOptions{})
					return err
				},
				"fetch": func() error { return Fetch(t.Context(), Options{Dir: dir, Offline: true, Store: t.TempDir()}) },
			} {
				err := do()

				// Without a lock there is nothing to fetch.
				want := "path escapes from parent"
				if name == "wishes" && what == "fetch" {
					want = "no such file"
				}

				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%s: got %v, want %s", what, err, want)
				}
			}
		})
	}

	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 2 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
}

// TestPinsStayInside shows the same of the lock of images.
func TestPinsStayInside(t *testing.T) {
	outside := writeFiles(t, map[string]string{pins.FileName: "secret: of another\n"})
	dir := t.TempDir()

	if err := os.Symlink(filepath.Join(outside, pins.FileName), filepath.Join(dir, pins.FileName)); err != nil {
		t.Fatal(err)
	}

	if _, err := pins.Load(dir); err == nil || !strings.Contains(err.Error(), "path escapes from parent") {
		t.Errorf("got %v", err)
	}
}

// TestLinksAreGivenAsLinks shows what BuildKit gets of a package directory, and
// of a local source: a link to the outside is a link, not what it leads to.
func TestLinksAreGivenAsLinks(t *testing.T) {
	outside := writeFiles(t, map[string]string{"secret": "x", "dir/secret": "x"})
	dir := writeFiles(t, map[string]string{
		"pkg.yaml": "format: v1alpha2\n", "a/files/own": "x",
		"a/pkg.yaml": "name: a\nsteps:\n  - sources: [{local: a/files}]\n    build: [\"true\"]\nfinalize: [{}]\n",
	})

	for link, target := range map[string]string{"a/secret": "secret", "a/dir": "dir", "a/files/dir": "dir"} {
		if err := os.Symlink(filepath.Join(outside, target), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}

	loaded, err := tree.Load(tree.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}

	dirs, err := (&inputs{dirs: map[string]string{"tree": loaded.Dir()}}).localDirs()
	if err != nil {
		t.Fatal(err)
	}

	some, err := fsutil.NewFilterFS(dirs["tree"], &fsutil.FilterOpt{IncludePatterns: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}

	got := map[string]fs.FileMode{}

	err = some.Walk(context.Background(), "", func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			got[path] = entry.Type().Type()
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]fs.FileMode{
		"a": fs.ModeDir, "a/pkg.yaml": 0, "a/files": fs.ModeDir, "a/files/own": 0,
		"a/secret": fs.ModeSymlink, "a/dir": fs.ModeSymlink, "a/files/dir": fs.ModeSymlink,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
