package source_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/source"
)

func add(t *testing.T, s *source.Store, data string) source.Meta {
	t.Helper()

	meta, err := s.Add(t.Context(), strings.NewReader(data), "pkg", "https://example.org/"+data)
	if err != nil {
		t.Fatal(err)
	}

	return meta
}

func TestStoredFile(t *testing.T) {
	s := open(t, source.Options{})
	meta := add(t, s, "content")

	info, err := os.Stat(s.Path(meta.SHA256))
	if err != nil {
		t.Fatal(err)
	}

	if info.Mode() != 0o644 || !info.ModTime().Equal(time.Unix(0, 0)) {
		t.Errorf("mode %v, time %v", info.Mode(), info.ModTime())
	}

	again, err := s.Lookup(t.Context(), meta.SHA256)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(meta, again); diff != "" {
		t.Error(diff)
	}
}

// A file that changed since it was stored is noticed, and fetched again.
func TestDamage(t *testing.T) {
	url := serve(t, static(payload))
	src := sourceOf(payload, url)

	tests := map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 10) },
		"rewritten": func(path string) error { return os.WriteFile(path, bytes.ToUpper(payload), 0o644) },
		"replaced":  func(path string) error { return source.WriteFile(path, bytes.ToUpper(payload)) },
		"removed":   os.Remove,
	}

	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, source.Options{})

			path, err := s.Fetch(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}

			if err := damage(path); err != nil {
				t.Fatal(err)
			}

			if _, err := s.Fetch(t.Context(), src); err != nil {
				t.Fatal(err)
			}

			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("the file is still damaged (%v)", err)
			}
		})
	}
}

// A copied store, whose files have other inodes and times, is believed after
// hashing, without its side files too.
func TestForeignFile(t *testing.T) {
	s := open(t, source.Options{Offline: true})
	src := sourceOf(payload, "")

	if err := os.WriteFile(s.Path(src.SHA256), payload, 0o600); err != nil {
		t.Fatal(err)
	}

	if _, err := s.Fetch(t.Context(), src); err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	s := open(t, source.Options{})
	good, bad := add(t, s, "good"), add(t, s, "fine")

	// As a failing disk does it: same size, same time.
	if err := os.WriteFile(s.Path(bad.SHA256), []byte("FINE"), 0o644); err != nil {
		t.Fatal(err)
	}

	if err := os.Chtimes(s.Path(bad.SHA256), time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}

	removed, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{bad.SHA256}, removed); diff != "" {
		t.Error(diff)
	}

	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]source.Meta{good}, list); diff != "" {
		t.Error(diff)
	}
}

func TestGC(t *testing.T) {
	s := open(t, source.Options{})
	small, large, kept := add(t, s, "small"), add(t, s, "rather large"), add(t, s, "the one that is kept")

	if err := os.WriteFile(s.Root()+"/partial/abandoned", payload, 0o644); err != nil {
		t.Fatal(err)
	}

	keep := map[string]bool{kept.SHA256: true}

	result, err := s.GC(t.Context(), keep, nil, kept.Size+small.Size)
	if err != nil {
		t.Fatal(err)
	}

	if want := (source.GCResult{Files: 2, Bytes: large.Size + int64(len(payload))}); result != want {
		t.Errorf("got %+v, want %+v", result, want)
	}

	if diff := cmp.Diff([]string(nil), leftovers(t, s, small.SHA256, kept.SHA256)); diff != "" {
		t.Error(diff)
	}

	if result, err = s.GC(t.Context(), keep, nil, 0); err != nil || result.Files != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestExportImport(t *testing.T) {
	from, to := open(t, source.Options{}), open(t, source.Options{})
	a, b := add(t, from, "one"), add(t, from, "two")

	if err := os.WriteFile(from.Root()+"/h1/"+b.SHA256, []byte(a.SHA256+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	var first, second bytes.Buffer
	if err := from.Export(t.Context(), &first, nil); err != nil {
		t.Fatal(err)
	}

	if err := from.Export(t.Context(), &second, nil); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("two exports differ (%v)", err)
	}

	for round := range 2 {
		added, err := to.Import(t.Context(), bytes.NewReader(first.Bytes()))
		if err != nil || added != 2-2*round {
			t.Errorf("added %d, %v", added, err)
		}
	}

	got, err := to.Lookup(t.Context(), a.SHA256)
	if err != nil || got.URL != a.URL || got.SHA512 != a.SHA512 {
		t.Errorf("got %+v, %v", got, err)
	}

	if diff := cmp.Diff([]string{"h1/" + b.SHA256}, leftovers(t, to, a.SHA256, b.SHA256)); diff != "" {
		t.Error(diff)
	}

	// A changed byte in a file is refused.
	bad := bytes.Replace(first.Bytes(), []byte("two\x00"), []byte("too\x00"), 1)
	if _, err := open(t, source.Options{}).Import(t.Context(), bytes.NewReader(bad)); err == nil {
		t.Error("a damaged export was imported")
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("not a tar"))

	s, err := source.Open(f.TempDir(), source.Options{})
	if err != nil {
		f.Fatal(err)
	}

	meta, err := s.Add(f.Context(), strings.NewReader("x"), "", "")
	if err != nil {
		f.Fatal(err)
	}

	var tar bytes.Buffer
	if err := s.Export(f.Context(), &tar, []string{meta.SHA256}); err != nil {
		f.Fatal(err)
	}

	f.Add(tar.Bytes())

	f.Fuzz(func(t *testing.T, data []byte) {
		s := open(t, source.Options{})
		s.Import(t.Context(), io.LimitReader(bytes.NewReader(data), 1<<20)) //nolint:errcheck // must not panic, nor store a lie

		if removed, err := s.Verify(t.Context()); err != nil || len(removed) > 0 {
			t.Errorf("imported wrong files %v, %v", removed, err)
		}
	})
}

// On a full disk, no other place is tried, nothing is left behind, and the
// message says so.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH) //nolint:errcheck // nothing more can be done

	s, err := source.Open(dir, source.Options{Mirrors: mirrors{serve(t, static(payload))}})
	if err != nil {
		t.Fatal(err)
	}

	_, err = s.Fetch(t.Context(), sourceOf(payload, "http://127.0.0.1:1/never"))
	if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "never") {
		t.Errorf("got %v", err)
	}

	if diff := cmp.Diff([]string(nil), leftovers(t, s)); diff != "" {
		t.Errorf("files left behind: %s", diff)
	}
}
