package debsrc_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/archive"
	"github.com/akmon-os/akmon/forge/source/debsrc"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

// tarball packs names and texts. A name with an exclamation mark is
// executable, one with an at sign a link, one with an equals sign a hard link.
func tarball(t *testing.T, files ...string) []byte {
	t.Helper()

	var out bytes.Buffer

	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)

	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: files[i], Mode: 0o664, Size: int64(len(files[i+1])), ModTime: time.Unix(1e9, 0), Uid: 1000}

		switch name := h.Name[1:]; h.Name[0] {
		case '!':
			h.Name, h.Mode = name, 0o775
		case '@':
			h.Name, h.Typeflag, h.Linkname, h.Size = name, tar.TypeSymlink, files[i+1], 0
		case '=':
			h.Name, h.Typeflag, h.Linkname, h.Size = name, tar.TypeLink, files[i+1], 0
		}

		if strings.HasSuffix(h.Name, "/") {
			h.Typeflag, h.Mode, h.Size = tar.TypeDir, 0o775, 0
		}

		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, files[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}

	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func gz(t *testing.T, text string) []byte {
	t.Helper()

	var out bytes.Buffer

	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}

	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// pool writes a source package and gives the name of its .dsc.
func pool(t *testing.T, dir, format string, files map[string][]byte) string {
	t.Helper()

	var md5s, sums strings.Builder

	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}) {
		fmt.Fprintf(&md5s, " %x %d %s\n", md5.Sum(files[name]), len(files[name]), name)
		fmt.Fprintf(&sums, " %x %d %s\n", sha256.Sum256(files[name]), len(files[name]), name)

		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}

	version := "1.0-1"
	if strings.Contains(format, "native") {
		version = "1.0"
	}

	text := "Format: " + format + "\nSource: thing\nBinary: thing\nArchitecture: any\nVersion: " + version +
		"\nMaintainer: A <a@example.org>\nChecksums-Sha256:\n" + sums.String() + "Files:\n" + md5s.String()

	name := "thing_" + version + ".dsc"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	return name
}

func serve(t *testing.T, dir string) string {
	t.Helper()

	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)

	return server.URL
}

func open(t *testing.T, opts source.Options) *source.Store {
	t.Helper()

	opts.Backoff = func(int) time.Duration { return 0 }
	opts.Attempts = 1

	s, err := source.Open(filepath.Join(t.TempDir(), "store"), opts)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func wanted(t *testing.T, dir, url, dsc string) debsrc.Wanted {
	t.Helper()

	data, err := os.ReadFile(filepath.Join(dir, dsc))
	if err != nil {
		t.Fatal(err)
	}

	a, b := sha256.Sum256(data), sha512.Sum512(data)

	return debsrc.Wanted{Source: source.Source{
		Package: "thing", URL: url + "/" + dsc, SHA256: hex.EncodeToString(a[:]), SHA512: hex.EncodeToString(b[:]),
	}}
}

// files reads a directory: names, modes, texts and link targets.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()

	all := map[string]string{}

	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}

		name, _ := filepath.Rel(dir, path)
		if name == ".pc" {
			return fs.SkipDir // quilt's records
		}

		info, err := d.Info()
		if err != nil {
			return err
		}

		switch {
		case d.IsDir():
			all[name] = "directory"
		case d.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(path)
			all[name] = "link to " + target
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}

			all[name] = fmt.Sprintf("%t %s", info.Mode()&0o100 != 0, text)
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	dir := t.TempDir()

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	if err := archive.Extract(t.Context(), root, f, 0); err != nil {
		t.Fatal(err)
	}

	return files(t, dir)
}

const change = "From: A\nSubject: change\n\n--- a/src/x.c\n+++ b/src/x.c\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"

var (
	upstream = []string{
		"thing-1.0/", "", "thing-1.0/src/", "", "thing-1.0/src/x.c", "1\n2\n3\n", "!thing-1.0/configure", "#!/bin/sh\n",
		"@thing-1.0/link", "src/x.c", "=thing-1.0/hard", "thing-1.0/configure", "thing-1.0/debian/upstream", "theirs\n", "thing-1.0/gone", "g\n",
	}
	debian = []string{
		"debian/", "", "debian/rules", "#!/usr/bin/make -f\n", "debian/control", "Source: thing\n",
		"debian/patches/series", "# a comment\nchange.patch -p1\n\nnew.patch # why\n", "debian/patches/change.patch", change,
		"debian/patches/new.patch", "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-g\n" +
			"diff --git a/sub/new b/sub/new\nnew file mode 100644\n--- /dev/null\n+++ b/sub/new\n@@ -0,0 +1 @@\n+n\n",
	}
)

// What dpkg-source unpacks, Fetch does, too.
func TestOracle(t *testing.T) {
	if _, err := exec.LookPath("dpkg-source"); err != nil {
		t.Skip("dpkg-source is not installed")
	}

	for name, test := range map[string]struct {
		format string
		files  map[string][]byte
	}{
		"quilt": {"3.0 (quilt)", map[string][]byte{
			"thing_1.0.orig.tar.gz": tarball(t, upstream...), "thing_1.0-1.debian.tar.gz": tarball(t, debian...),
			"thing_1.0.orig-doc.tar.gz": tarball(t, "doc-9/", "", "doc-9/README", "read\n"),
		}},
		"quilt without a top directory": {"3.0 (quilt)", map[string][]byte{
			"thing_1.0.orig.tar.gz":     tarball(t, "src/x.c", "1\n2\n3\n", "gone", "g\n"),
			"thing_1.0-1.debian.tar.gz": tarball(t, debian...),
		}},
		"native": {"3.0 (native)", map[string][]byte{
			"thing_1.0.tar.gz": tarball(t, "thing/", "", "thing/debian/rules", "x\n", "thing/a", "a\n"),
		}},
		"old": {"1.0", map[string][]byte{
			"thing_1.0.orig.tar.gz": tarball(t, upstream...),
			"thing_1.0-1.diff.gz":   gz(t, strings.ReplaceAll(change, "a/src", "thing-1.0.orig/src")+"--- thing-1.0.orig/debian/rules\n+++ thing-1.0/debian/rules\n@@ -0,0 +1 @@\n+all:\n"),
		}},
	} {
		for _, unpatched := range []bool{false, true} {
			if unpatched && name == "old" {
				continue // dpkg-source has no such option for this format
			}

			t.Run(fmt.Sprint(name, " ", unpatched), func(t *testing.T) {
				dir := t.TempDir()
				dsc := pool(t, dir, test.format, test.files)

				w := wanted(t, dir, serve(t, dir), dsc)
				w.Unpatched = unpatched

				path, err := debsrc.Fetch(t.Context(), open(t, source.Options{}), w)
				if err != nil {
					t.Fatal(err)
				}

				out := filepath.Join(t.TempDir(), "out")
				args := []string{"--no-check", "-q", "-x"}

				if unpatched && strings.Contains(name, "quilt") {
					args = append(args, "--skip-patches")
				}

				oracle := exec.Command("dpkg-source", append(args, dsc, out)...)
				oracle.Dir = dir

				if text, err := oracle.CombinedOutput(); err != nil {
					t.Fatalf("dpkg-source: %v\n%s", err, text)
				}

				if diff := cmp.Diff(files(t, out), unpacked(t, path)); diff != "" {
					t.Errorf("(-dpkg-source +akmon):\n%s", diff)
				}
			})
		}
	}
}

// The machine's mirrors are asked first; one with wrong files is passed over.
func TestMirrors(t *testing.T) {
	snapshot, good, bad := t.TempDir(), t.TempDir(), t.TempDir()
	contents := map[string][]byte{"thing_1.0.tar.gz": tarball(t, "thing/", "", "thing/a", "a\n")}

	dsc := pool(t, good, "3.0 (native)", contents)
	pool(t, bad, "3.0 (native)", map[string][]byte{"thing_1.0.tar.gz": tarball(t, "thing/", "", "thing/a", "b\n")})

	url := serve(t, snapshot)
	rules := mirror.Rules{{Prefix: url + "/archive/*/", Replacement: serve(t, bad) + "/"}, {Prefix: url + "/archive/*/", Replacement: serve(t, good) + "/"}}

	failed := 0
	store := open(t, source.Options{Mirrors: rules, Progress: func(e source.Event) {
		if e.State == source.Failed {
			failed++
		}
	}})

	w := wanted(t, good, url+"/archive/20260102T000000Z", dsc)

	path, err := debsrc.Fetch(t.Context(), store, w)
	if err != nil {
		t.Fatal(err)
	}

	if got := unpacked(t, path)["a"]; got != "false a\n" || failed != 2 {
		t.Errorf("a is %q after %d failures", got, failed)
	}

	// From then on nothing is needed from outside.
	offline, err := source.Open(store.Root(), source.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}

	if again, err := debsrc.Fetch(t.Context(), offline, w); err != nil || again != path {
		t.Errorf("offline: %s, %v", again, err)
	}
}

func TestErrors(t *testing.T) {
	orig, rules := tarball(t, upstream...), tarball(t, "debian/rules", "x")

	for name, test := range map[string]struct {
		format string
		files  map[string][]byte
		want   string
	}{
		"format": {"3.0 (git)", map[string][]byte{"thing_1.0.git": nil}, `the source package has the format "3.0 (git)"`},
		"patch": {"3.0 (quilt)", map[string][]byte{"thing_1.0.orig.tar.gz": orig, "thing_1.0-1.debian.tar.gz": tarball(t,
			"debian/patches/series", "c.patch\n", "debian/patches/c.patch", strings.ReplaceAll(change, "-2", "-zwei"))},
			`thing: unpack thing_1.0-1.dsc: debian/patches/c.patch:6: hunk 1 of 1 does not apply to src/x.c: line 2 is "2", not "zwei"`},
		"no patch": {"3.0 (quilt)", map[string][]byte{"thing_1.0.orig.tar.gz": orig, "thing_1.0-1.debian.tar.gz": tarball(t,
			"debian/patches/series", "c.patch\n")}, "debian/patches/series names c.patch: "},
		"no debian":  {"3.0 (quilt)", map[string][]byte{"thing_1.0.orig.tar.gz": orig}, "no archive of Debian's files"},
		"no orig":    {"3.0 (quilt)", map[string][]byte{"thing_1.0-1.debian.tar.gz": rules}, "no upstream archive"},
		"other file": {"1.0", map[string][]byte{"thing_1.0.tar.lzma": nil}, "thing_1.0.tar.lzma is not a file that a source package has"},
		"damaged":    {"3.0 (native)", map[string][]byte{"thing_1.0.tar.gz": orig[:len(orig)/2]}, "thing_1.0.tar.gz: unpack thing-1.0/src/x.c: unexpected EOF"},
		"outside":    {"3.0 (native)", map[string][]byte{"thing_1.0.tar.gz": tarball(t, "a", "", "../../x", "")}, "unpack ../../x: "},
		"by a link":  {"3.0 (native)", map[string][]byte{"thing_1.0.tar.gz": tarball(t, "@a", "/tmp", "a/x", "")}, "unpack a/x: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			dsc := pool(t, dir, test.format, test.files)
			store := open(t, source.Options{})

			_, err := debsrc.Fetch(t.Context(), store, wanted(t, dir, serve(t, dir), dsc))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}

			if left, _ := os.ReadDir(filepath.Join(store.Root(), "partial")); len(left) > 0 {
				t.Errorf("%s is left behind", left[0].Name())
			}

			if left, _ := os.ReadDir(store.MadeDir()); len(left) > 0 {
				t.Errorf("%s is taken for a whole one", left[0].Name())
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Format: 1.0\nSource: a\nChecksums-Sha256:\n aa 1 a.tar.gz\n"))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 3.0 (quilt)\nChecksums-Sha256:\n aa 1 a\n" +
		"- -dash\n\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"))
	f.Add([]byte("Format: 3.0 (native)\nChecksums-Sha256:\n aa 1 ../a\n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := debsrc.Parse(data)
		if err != nil {
			return
		}

		for _, file := range d.Files {
			if strings.ContainsAny(file.Name, "/\x00") && strings.Contains(file.Name, "/") || file.Name == ".." || file.Size < 0 {
				t.Errorf("%+v", file)
			}
		}
	})
}
