package staging_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/engine/staging"
)

func TestReplaceFile(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()
	dest := filepath.Join(dir, "sub", "file")

	for _, text := range []string{"one", "two"} {
		s := begin(t, journal, dest)
		write(t, s.Path, text)

		if err := s.Replace(); err != nil {
			t.Fatal(err)
		}

		check(t, filepath.Join(dir, "sub"), map[string]string{"file": text})
	}

	check(t, journal, nil)
}

func TestReplaceDirectory(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()
	dest := filepath.Join(dir, "out")

	for _, name := range []string{"one", "two"} {
		s := begin(t, journal, dest)
		write(t, filepath.Join(s.Path, name), name)

		if err := s.Replace(); err != nil {
			t.Fatal(err)
		}

		check(t, dir, map[string]string{"out/" + name: name})
	}

	check(t, journal, nil)
}

func TestKindsDoNotReplaceEachOther(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "directory", "mine"), "mine")
	write(t, filepath.Join(dir, "file"), "mine")

	over := begin(t, journal, filepath.Join(dir, "directory"))
	write(t, over.Path, "new")

	under := begin(t, journal, filepath.Join(dir, "file"))
	write(t, filepath.Join(under.Path, "x"), "new")

	for _, s := range []*staging.Stage{over, under} {
		if err := s.Replace(); err == nil {
			t.Error("was replaced")
		}

		if err := s.Discard(); err != nil {
			t.Error(err)
		}
	}

	check(t, dir, map[string]string{"directory/mine": "mine", "file": "mine"})
}

func TestMerge(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "out", "mine"), "mine")
	write(t, filepath.Join(dir, "out", "sub", "old"), "old")

	s := begin(t, journal, filepath.Join(dir, "out"))
	write(t, filepath.Join(s.Path, "sub", "old"), "new")
	write(t, filepath.Join(s.Path, "more", "deep", "x"), "x")

	if err := s.Merge(); err != nil {
		t.Fatal(err)
	}

	check(t, dir, map[string]string{"out/mine": "mine", "out/sub/old": "new", "out/more/deep/x": "x"})
	check(t, journal, nil)
}

func TestMergeConflictMovesNothing(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "out", "z", "inside"), "mine")

	s := begin(t, journal, filepath.Join(dir, "out"))
	write(t, filepath.Join(s.Path, "a"), "a")
	write(t, filepath.Join(s.Path, "z"), "a file where a directory is")

	if err := s.Merge(); err == nil || !strings.Contains(err.Error(), "is in the way") {
		t.Errorf("got %v", err)
	}

	if err := s.Discard(); err != nil {
		t.Error(err)
	}

	check(t, dir, map[string]string{"out/z/inside": "mine"})
	check(t, journal, nil)
}

func TestSweep(t *testing.T) {
	dir, journal := t.TempDir(), t.TempDir()

	alive := begin(t, journal, filepath.Join(dir, "alive"))
	write(t, alive.Path, "being written")

	// A process that had our pid before us, and one that never was.
	for i, owner := range []string{fmt.Sprintf("%d-1-aabbcc", os.Getpid()), "999999999-5-ddeeff"} {
		path := filepath.Join(dir, fmt.Sprintf(".dead%d.akmon-tmp-%s", i, owner))
		write(t, filepath.Join(path, "half"), "half")
		write(t, filepath.Join(journal, owner), path)

		if err := os.Chmod(path, 0o500); err != nil {
			t.Fatal(err)
		}
	}

	// Not a name that this package gives: whoever wrote the entry, the file
	// stays.
	precious := filepath.Join(dir, "precious")
	write(t, precious, "precious")
	write(t, filepath.Join(journal, "999999998-5-112233"), precious)

	removed, err := staging.Sweep(journal)
	if err != nil || len(removed) != 2 {
		t.Errorf("removed %v, %v", removed, err)
	}

	check(t, dir, map[string]string{filepath.Base(alive.Path): "being written", "precious": "precious"})

	if err := alive.Replace(); err != nil {
		t.Error(err)
	}

	check(t, journal, nil)

	if removed, err := staging.Sweep(filepath.Join(journal, "missing")); err != nil || removed != nil {
		t.Errorf("missing journal: %v, %v", removed, err)
	}
}

func begin(t *testing.T, journal, dest string) *staging.Stage {
	t.Helper()

	s, err := staging.New(journal, dest)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// check compares all files below dir.
func check(t *testing.T, dir string, want map[string]string) {
	t.Helper()

	var got map[string]string

	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}

		data, err := os.ReadFile(path)
		if got == nil {
			got = map[string]string{}
		}

		got[strings.TrimPrefix(path, dir+"/")] = string(data)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
