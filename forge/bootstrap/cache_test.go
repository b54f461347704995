package bootstrap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/source"
)

func TestCache(t *testing.T) {
	store := openStore(t)

	lock, err := resolve(t, sample(t), specText, store)
	if err != nil {
		t.Fatal(err)
	}

	cache := filepath.Join(t.TempDir(), "cache")
	opts := bootstrap.AssembleOptions{Cache: cache}

	if images, err := bootstrap.List(cache); err != nil || len(images) > 0 {
		t.Errorf("no cache: %v, %v", images, err)
	}

	// What a killed process left goes, what a living one works on stays.
	dead, alive := filepath.Join(cache, ".assemble-dead"), filepath.Join(cache, ".assemble-alive")
	for _, dir := range []string{dead, alive} {
		if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.Chtimes(dir, time.Time{}, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}

	held, err := os.Open(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}

	amd64, err1 := bootstrap.Assemble(t.Context(), store, lock, "amd64", opts)
	arm64, err2 := bootstrap.Assemble(t.Context(), store, lock, "arm64", opts)

	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}

	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}

	if _, err := os.Stat(alive); err != nil {
		t.Errorf("another process's directory: %v", err)
	}

	images, err := bootstrap.List(cache)
	if err != nil || len(images) != 2 {
		t.Errorf("got %v, %v", images, err)
	}

	freed, err := bootstrap.Clean(cache, map[string]bool{arm64.Digest: true})
	if err != nil || freed != amd64.Size {
		t.Errorf("freed %d, want %d; %v", freed, amd64.Size, err)
	}

	arm64.Cached = true

	if images, err = bootstrap.List(cache); err != nil || !cmp.Equal(images, []bootstrap.Image{arm64}) {
		t.Errorf("got %v, %v", images, err)
	}
}

// Several at once get one and the same.
func TestAssembleConcurrently(t *testing.T) {
	store := openStore(t)

	lock, err := resolve(t, sample(t), specText, store)
	if err != nil {
		t.Fatal(err)
	}

	var (
		group   sync.WaitGroup
		digests [8]string
	)

	for i := range digests {
		group.Go(func() {
			image, err := bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{})
			if err != nil {
				t.Error(err)
			}

			digests[i] = image.Digest
		})
	}

	group.Wait()

	for _, d := range digests {
		if d == "" || d != digests[0] {
			t.Errorf("got %v", digests)
		}
	}
}

// On a full disk, nothing is left behind and the message says so.
func TestAssembleDiskFull(t *testing.T) {
	d := sample(t)
	d.add("big", "1", "amd64", "", map[string]string{"/big": strings.Repeat("much ", 100_000)})

	store := openStore(t)

	lock, err := resolve(t, d, strings.Replace(specText, "  - clang\n", "  - clang\n  - name: big\n    architectures: [amd64]\n", 1), store)
	if err != nil {
		t.Fatal(err)
	}

	cache := t.TempDir()
	if err := unix.Mount("tmpfs", cache, "tmpfs", 0, "size=600k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	defer unix.Unmount(cache, unix.MNT_DETACH) //nolint:errcheck

	_, err = bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{Cache: cache})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}

	left, err := os.ReadDir(cache)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A damaged package is named.
func TestAssembleBadPackage(t *testing.T) {
	d, store := sample(t), openStore(t)

	lock, err := resolve(t, d, specText, store)
	if err != nil {
		t.Fatal(err)
	}

	meta, err := store.Add(t.Context(), strings.NewReader("no package at all"), "", "")
	if err != nil {
		t.Fatal(err)
	}

	p := &lock.Userlands["amd64"][1]
	p.SHA256, p.SHA512, p.Size = meta.SHA256, meta.SHA512, meta.Size

	_, err = bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{})
	if err == nil || !strings.Contains(err.Error(), "unpack clang: read package: it is not an ar archive") {
		t.Errorf("got %v", err)
	}

	// And a package that is nowhere names the line of the lock.
	p.SHA256 = strings.Repeat("1", 64)
	p.URL = "file:///nonexistent/clang.deb"

	_, err = bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{})

	missing := new(source.FetchError)
	if !errors.As(err, &missing) || missing.Source.Package != "clang" {
		t.Errorf("got %v", err)
	}
}
