package source_test

import (
	"bytes"
	"errors"
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

	// An index entry whose file is gone, and a file that is none.
	if err := errors.Join(os.WriteFile(s.Root()+"/h1/"+good.SHA256, []byte(strings.Repeat("0", 64)), 0o644),
		os.WriteFile(s.Path("notes.txt"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}

	for _, dispose := range []source.Disposal{source.Leave, source.Quarantine, source.Leave} {
		got, err := s.Verify(t.Context(), dispose)
		if err != nil {
			t.Fatal(err)
		}

		want := []source.Problem{
			{Name: "sha256/" + bad.SHA256, What: "its 4 bytes have the SHA-256 " + sourceOf([]byte("FINE"), "").SHA256, Package: bad.Package, URL: bad.URL, Done: dispose},
			{Name: "sha256/notes.txt", What: "it is no file of the store", Done: dispose},
			{Name: "h1/" + good.SHA256, What: "the file that it is about is not there", Done: dispose},
		}

		if _, err := os.Stat(s.Root() + "/quarantine"); err == nil && dispose == source.Leave {
			want = []source.Problem{}
		}

		if diff := cmp.Diff(want, got.Problems); diff != "" {
			t.Errorf("%q (-want +got):\n%s", dispose, diff)
		}
	}

	if kept, err := os.ReadFile(s.Root() + "/quarantine/sha256/" + bad.SHA256); err != nil || string(kept) != "FINE" {
		t.Errorf("in quarantine: %q, %v", kept, err)
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
