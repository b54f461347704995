package bundle_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/bundle"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

func open(t testing.TB, dir string) *source.Store {
	t.Helper()

	s, err := source.Open(dir, source.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func add(t testing.TB, s *source.Store, text, name string) string {
	t.Helper()

	meta, err := s.Add(t.Context(), strings.NewReader(text), name, "https://example.org/"+name)
	if err != nil {
		t.Fatal(err)
	}

	return meta.SHA256
}

// full is a store with files, a Go module and the record of an image's tag.
func full(t testing.TB) (store *source.Store, goSum string) {
	t.Helper()

	store = open(t, filepath.Join(t.TempDir(), "store"))
	add(t, store, "one", "one")
	add(t, store, strings.Repeat("two ", 1<<18), "two")

	manifest := add(t, store, "{}", "image")
	if err := (image.Record{Ref: "docker.io/library/alpine:3.22", Digest: "sha256:" + manifest}).Save(store); err != nil {
		t.Fatal(err)
	}

	// By way of a module cache, as on a machine that has built already.
	var packed bytes.Buffer

	z := zip.NewWriter(&packed)
	if _, err := z.Create("example.org/m@v1.0.0/go.mod"); err != nil {
		t.Fatal(err)
	}

	z.Close() //nolint:errcheck // into memory

	cache := t.TempDir()
	path := filepath.Join(cache, "cache/download/example.org/m/@v/v1.0.0.zip")

	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, packed.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}

	sum, err := dirhash.HashZip(path, dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}

	goSum = "example.org/m v1.0.0 " + sum + "\n"

	entries, err := gomod.ParseSum("go.sum", []byte(goSum))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := gomod.Fetch(t.Context(), store, mirror.GoEnv{ModCache: cache}, entries); err != nil {
		t.Fatal(err)
	}

	return store, goSum
}

func export(t testing.TB, s *source.Store, sums []string) []byte {
	t.Helper()

	var out bytes.Buffer
	if _, err := bundle.Export(t.Context(), s, &out, sums); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// contents are the files of a store that are not of this machine alone.
func contents(t testing.TB, s *source.Store) map[string]string {
	t.Helper()

	files := map[string]string{}

	err := filepath.WalkDir(s.Root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(s.Root(), path) //nolint:errcheck // it is below

		if strings.HasPrefix(rel, "meta/") {
			data = nil // inodes
		}

		files[rel] = string(data)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files
}

func TestRoundTrip(t *testing.T) {
	from, goSum := full(t)
	first := export(t, from, nil)

	if !bytes.Equal(first, export(t, from, nil)) {
		t.Error("two exports differ")
	}

	to := open(t, filepath.Join(t.TempDir(), "store"))

	for round, added := range []int{4, 0} {
		got, err := bundle.Import(t.Context(), to, bytes.NewReader(first))
		if err != nil || got.Added != added || got.Files != 4 || got.Bytes < 1<<20 {
			t.Errorf("round %d: %+v, %v", round, got, err)
		}
	}

	if diff := cmp.Diff(contents(t, from), contents(t, to)); diff != "" {
		t.Errorf("stores (-from +to):\n%s", diff)
	}

	if !bytes.Equal(first, export(t, to, nil)) {
		t.Error("the copy exports something else")
	}

	if _, _, err := gomod.ProxyDir(t.Context(), to, mirror.GoEnv{}, "go.sum", []byte(goSum)); err != nil {
		t.Errorf("the module in the copy: %v", err)
	}

	// A part of it takes only what is noted about that part.
	one := add(t, from, "one", "one")
	part := open(t, filepath.Join(t.TempDir(), "store"))

	if got, err := bundle.Import(t.Context(), part, bytes.NewReader(export(t, from, []string{one}))); err != nil || got.Added != 1 {
		t.Errorf("%+v, %v", got, err)
	}

	want := map[string]string{"sha256/" + one: "one", "meta/" + one + ".json": ""}
	if diff := cmp.Diff(want, contents(t, part)); diff != "" {
		t.Errorf("part (-want +got):\n%s", diff)
	}
}

// TestTar reads a bundle with another program.
func TestTar(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("tar is not installed")
	}

	from, _ := full(t)
	cmd := exec.Command("tar", "-tvf", "-", "--utc")
	cmd.Stdin = bytes.NewReader(export(t, from, nil))

	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "-rw-r--r-- 0/0 ") != 5 || strings.Count(string(out), "1970-01-01 00:00") != 5 {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestExportErrors(t *testing.T) {
	store, _ := full(t)
	if _, err := bundle.Export(t.Context(), store, io.Discard, []string{strings.Repeat("0", 64)}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}

	// As a failing disk does it: same size, same time.
	sum := add(t, store, "one", "one")
	if err := errors.Join(os.WriteFile(store.Path(sum), []byte("oNe"), 0o644), os.Chtimes(store.Path(sum), time.Unix(0, 0), time.Unix(0, 0))); err != nil {
		t.Fatal(err)
	}

	if _, err := bundle.Export(t.Context(), store, io.Discard, nil); err == nil || !strings.Contains(err.Error(), "wrong checksum of https://example.org/one") {
		t.Errorf("got %v", err)
	}
}

// entry is one of a bundle, to be tampered with.
type entry struct {
	header tar.Header
	data   []byte
}

func unpack(t testing.TB, data []byte) []entry {
	t.Helper()

	var list []entry

	for in := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return list
		}

		if err != nil {
			t.Fatal(err)
		}

		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}

		list = append(list, entry{*h, data})
	}
}

func pack(t testing.TB, list []entry) []byte {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)

	for _, e := range list {
		e.header.Size = int64(len(e.data))
		if err := errors.Join(w.WriteHeader(&e.header), func() error { _, err := w.Write(e.data); return err }()); err != nil {
			t.Fatal(err)
		}
	}

	w.Close() //nolint:errcheck // into memory

	return out.Bytes()
}

// TestImportErrors shows that a bundle that is not wholly right changes nothing.
func TestImportErrors(t *testing.T) {
	from, _ := full(t)
	good := export(t, from, nil)
	list := func() []entry { return unpack(t, good) }

	index := func(old, new string) []byte {
		l := list()
		l[0].data = bytes.Replace(l[0].data, []byte(old), []byte(new), 1)

		return pack(t, l)
	}

	swapped := list()
	swapped[1], swapped[2] = swapped[2], swapped[1]

	changed := list()
	changed[4].data = bytes.Clone(changed[4].data)
	changed[4].data[0] ^= 1

	modules, err := gomod.Index(from)
	if err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, "this is not a bundle"},
		"no tar":            {bytes.Repeat([]byte("x"), 4096), "this is not a bundle"},
		"another tar":       {pack(t, list()[1:]), "this is not a bundle"},
		"cut in a file":     {good[:len(good)/2], "the bundle is cut short"},
		"cut between files": {pack(t, list()[:3]), "the bundle is cut short"},
		"changed byte":      {pack(t, changed), "wrong checksum"},
		"other order":       {pack(t, swapped), "where sha256/"},
		"more at the end":   {pack(t, append(list(), list()[1])), "goes on after its last file"},
		"other format":      {index("akmon-store/v1", "akmon-store/v2"), `format is "akmon-store/v2"`},
		"unknown key":       {index(`"files"`, `"fi1es"`), "unknown field"},
		"wrong module":      {index(modules[0].H1, strings.Repeat("0", 64)), "has not the h1 sum"},
		"image without":     {index(`"digest": "sha256:`, `"digest": "sha256:`+strings.Repeat("0", 64)+`", "x": "`), "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			to := open(t, filepath.Join(t.TempDir(), "store"))
			add(t, to, "one", "one") // what was there stays
			before := contents(t, to)

			_, err := bundle.Import(t.Context(), to, bytes.NewReader(test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}

			if diff := cmp.Diff(before, contents(t, to)); diff != "" {
				t.Errorf("the store changed (-before +after):\n%s", diff)
			}
		})
	}
}

// stopped is a reader whose context ends in the middle.
type stopped struct {
	io.Reader
	left int
	stop func()
}

func (s *stopped) Read(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		s.stop()
	}

	return s.Reader.Read(p)
}

func TestInterruptedImport(t *testing.T) {
	from, _ := full(t)
	data := export(t, from, nil)
	to := open(t, filepath.Join(t.TempDir(), "store"))

	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := bundle.Import(ctx, to, &stopped{bytes.NewReader(data), len(data) / 2, func() { cancel(errors.New("interrupted")) }})

	if err == nil || len(contents(t, to)) > 0 {
		t.Errorf("%v, left %v", err, contents(t, to))
	}

	// What a killed one left goes with the next.
	dead := filepath.Join(to.Root(), "partial", "stage-1")
	if err := errors.Join(os.Mkdir(dead, 0o700), os.WriteFile(filepath.Join(dead, strings.Repeat("0", 64)), nil, 0o600)); err != nil {
		t.Fatal(err)
	}

	if _, err := bundle.Import(t.Context(), to, bytes.NewReader(data)); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff(contents(t, from), contents(t, to)); diff != "" {
		t.Errorf("stores (-from +to):\n%s", diff)
	}
}

func TestNoRoom(t *testing.T) {
	from, _ := full(t)
	data := export(t, from, nil)

	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH) //nolint:errcheck // nothing more can be done

	to := open(t, dir)
	if _, err := bundle.Import(t.Context(), to, bytes.NewReader(data)); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "has room for 0 MiB, the bundle needs 2") {
		t.Errorf("got %v", err)
	}

	if left := contents(t, to); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func FuzzImport(f *testing.F) {
	from, _ := full(f)
	f.Add(export(f, from, []string{add(f, from, "one", "one")}))
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, data []byte) {
		to := open(t, t.TempDir())

		if _, err := bundle.Import(t.Context(), to, bytes.NewReader(data)); err != nil && len(contents(t, to)) > 0 {
			t.Errorf("%v, but the store holds %v", err, contents(t, to))
		}

		if got, err := to.Verify(t.Context(), source.Leave); err != nil || len(got.Problems) > 0 {
			t.Errorf("imported %+v, %v", got, err)
		}
	})
}
