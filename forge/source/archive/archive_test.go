package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source/archive"
)

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { root.Close() }) //nolint:errcheck // only a directory

	return root
}

func pack(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)
	for _, h := range headers {
		h.Size = int64(len(h.Uname)) // the text is in a field that is not looked at
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}

		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if h.Size > 0 {
			if _, err := w.Write([]byte(h.Uname)); err != nil {
				t.Fatal(err)
			}
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// The same files give the same bytes, whatever their times, modes and order
// on disk, and those bytes stay what they are.
func TestWriteDir(t *testing.T) {
	const want = "585d88a957977c95eec11838a62f6c1c4da281620538da1f7c96866fb3dfa547"

	for round := range 2 {
		dir := t.TempDir()
		names := []string{"b", "a/z", "a-", "ä/" + strings.Repeat("long", 60), "run"}

		if round == 1 {
			names = []string{"run", "a-", "ä/" + strings.Repeat("long", 60), "a/z", "b"}
		}

		for _, name := range names {
			path := filepath.Join(dir, name)
			mode := fs.FileMode(0o600 + 0o044*fs.FileMode(round))

			if name == "run" {
				mode |= 0o100
			}

			when := time.Unix(int64(1e9+round), 0)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), mode), os.Chtimes(path, when, when)); err != nil {
				t.Fatal(err)
			}
		}

		if err := errors.Join(os.Mkdir(filepath.Join(dir, "empty"), 0o700), os.Symlink("/nowhere", filepath.Join(dir, "link"))); err != nil {
			t.Fatal(err)
		}

		var out bytes.Buffer
		if err := archive.WriteDir(t.Context(), &out, openRoot(t, dir)); err != nil {
			t.Fatal(err)
		}

		if got := fmt.Sprintf("%x", sha256.Sum256(out.Bytes())); got != want {
			t.Errorf("round %d: the archive has the SHA-256 %s, want %s", round, got, want)
		}

		// What is unpacked gives the same archive again.
		again := openRoot(t, t.TempDir())
		if err := archive.Extract(t.Context(), again, bytes.NewReader(out.Bytes()), 0); err != nil {
			t.Fatal(err)
		}

		var second bytes.Buffer
		if err := archive.WriteDir(t.Context(), &second, again); err != nil || !bytes.Equal(second.Bytes(), out.Bytes()) {
			t.Errorf("the unpacked archive gives another one: %v", err)
		}
	}
}

func TestWriteDirErrors(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}

	err := archive.WriteDir(t.Context(), new(bytes.Buffer), openRoot(t, dir))
	if err == nil || !strings.Contains(err.Error(), "pipe is neither a file nor a directory nor a link") {
		t.Errorf("got %v", err)
	}
}

func TestExtract(t *testing.T) {
	root := openRoot(t, t.TempDir())

	data := pack(t,
		&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}},
		&tar.Header{Typeflag: tar.TypeDir, Name: "./top/", Mode: 0o700},
		&tar.Header{Typeflag: tar.TypeReg, Name: "./top/a", Mode: 0o600, Uname: "first"},
		&tar.Header{Typeflag: tar.TypeReg, Name: "./top/a", Mode: 0o710, Uname: "second"},
		&tar.Header{Typeflag: tar.TypeLink, Name: "top/hard", Linkname: "./top/a"},
		&tar.Header{Typeflag: tar.TypeSymlink, Name: "top/soft", Linkname: "a"},
		&tar.Header{Typeflag: tar.TypeReg, Name: "top/deep/er", Uname: "x"},
	)
	if err := archive.Extract(t.Context(), root, bytes.NewReader(data), 1); err != nil {
		t.Fatal(err)
	}

	got := map[string]string{}

	err := fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		info, err := root.Stat(path)
		if err != nil {
			return err
		}

		text, err := root.ReadFile(path)
		got[path] = fmt.Sprintf("%o %s", info.Mode().Perm(), text)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(map[string]string{"a": "755 second", "hard": "755 second", "soft": "755 second", "deep/er": "644 x"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExtractErrors(t *testing.T) {
	for name, test := range map[string]struct {
		headers []*tar.Header
		want    string
	}{
		"upwards":  {[]*tar.Header{{Typeflag: tar.TypeReg, Name: "../x"}}, "unpack ../x: "},
		"device":   {[]*tar.Header{{Typeflag: tar.TypeChar, Name: "x"}}, "an entry of type '3' is not understood"},
		"hardlink": {[]*tar.Header{{Typeflag: tar.TypeLink, Name: "x", Linkname: "../../etc/passwd"}}, "unpack x: "},
		"link": {[]*tar.Header{
			{Typeflag: tar.TypeSymlink, Name: "out", Linkname: "/"}, {Typeflag: tar.TypeReg, Name: "out/tmp/x"},
		}, "unpack out/tmp/x: "},
	} {
		err := archive.Extract(t.Context(), openRoot(t, t.TempDir()), bytes.NewReader(pack(t, test.headers...)), 0)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(pack(f, &tar.Header{Typeflag: tar.TypeReg, Name: "a/b", Uname: "x"}, &tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/"}), 0)
	f.Add(pack(f, &tar.Header{Typeflag: tar.TypeReg, Name: "../b"}), 1)
	f.Add([]byte("no archive"), 0)

	f.Fuzz(func(t *testing.T, data []byte, strip int) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "root"), 0o755); err != nil {
			t.Fatal(err)
		}

		archive.Extract(t.Context(), openRoot(t, filepath.Join(dir, "root")), bytes.NewReader(data), strip&7) //nolint:errcheck // most are none

		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("something is outside of the directory: %v, %v", entries, err)
		}
	})
}
