package deb_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

var versions = []string{
	"1.0", "1.0-1", "1.0~rc1", "1.0~rc1-1", "1:0.9", "0:1.0", "1.00", "1.0a", "1.0+b1", "1.0-1+b1", "1.0-1~deb13u1", "1.0.1",
	"1:19.1.7-3+b1", "2.41-12+deb13u4", "", "~", "~~", "a", "9", "10", "1-2-3", "1.0-", "18446744073709551617", "18446744073709551616",
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"~~", "~", "", "0.9", "1.0~~", "1.0~rc1", "1.0~rc1-1", "1.0", "1.0-1~deb13u1", "1.0-1", "1.0-1+b1", "1.0a", "1.0+b1",
		"1.0.1", "1.9", "1.10", "99999999999999999998", "99999999999999999999", "1:0.1", "2:0"}

	for i, a := range ordered {
		for j, b := range ordered {
			want := min(max(i-j, -1), 1)
			if got := deb.CompareVersions(a, b); got != want {
				t.Errorf("%q and %q: got %d, want %d", a, b, got, want)
			}
		}
	}

	for _, equal := range [][2]string{{"1.0", "0:1.0"}, {"1.0", "1.00"}, {"1.0", "1.0-0"}, {"1.0-", "1.0"}} {
		if got := deb.CompareVersions(equal[0], equal[1]); got != 0 {
			t.Errorf("%q and %q: got %d, want 0", equal[0], equal[1], got)
		}
	}
}

// dpkg orders them alike.
func TestCompareVersionsOracle(t *testing.T) {
	tool, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("no dpkg to compare with")
	}

	for _, a := range versions {
		for _, b := range versions {
			out, err := exec.Command(tool, "--compare-versions", a, "lt", b).CombinedOutput()

			exit := new(exec.ExitError)
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) || len(out) > 0 {
				continue // not valid for dpkg
			}

			if less := deb.CompareVersions(a, b) < 0; less != (err == nil) {
				t.Errorf("%q < %q: got %v, dpkg says %v", a, b, less, err == nil)
			}
		}
	}
}

func FuzzCompareVersions(f *testing.F) {
	for _, v := range versions {
		f.Add(v, "1.0-1", "2:~")
	}

	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, bc, ac := deb.CompareVersions(a, b), deb.CompareVersions(b, c), deb.CompareVersions(a, c)
		if ab != -deb.CompareVersions(b, a) {
			t.Errorf("%q and %q are not antisymmetric", a, b)
		}

		if ab <= 0 && bc <= 0 && ac > 0 {
			t.Errorf("%q ≤ %q ≤ %q, but the first is later than the last", a, b, c)
		}
	})
}

func TestParseRelations(t *testing.T) {
	got, err := deb.ParseRelations("libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0,\n python3:any (<< 3.14~), a(=1), ")
	if err != nil {
		t.Fatal(err)
	}

	want := [][]deb.Relation{
		{{Name: "libc6", Op: ">=", Version: "2.34"}},
		{{Name: "debconf", Op: ">=", Version: "0.5"}, {Name: "debconf-2.0"}},
		{{Name: "python3", Arch: "any", Op: "<<", Version: "3.14~"}},
		{{Name: "a", Op: "=", Version: "1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	for _, bad := range []string{"a b", "a (>= 1", "a (~ 1)", "a (>= )", "(>= 1)", "a |", "a [amd64]", "a (>= 1 2)"} {
		if got, err := deb.ParseRelations(bad); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}

func FuzzParseRelations(f *testing.F) {
	f.Add("libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0")
	f.Add("python3:any (<< 3.14~),")

	f.Fuzz(func(t *testing.T, field string) {
		groups, err := deb.ParseRelations(field)
		if err != nil {
			return
		}

		var texts []string

		for _, group := range groups {
			var alternatives []string
			for _, r := range group {
				alternatives = append(alternatives, r.String())
			}

			texts = append(texts, strings.Join(alternatives, " | "))
		}

		again, err := deb.ParseRelations(strings.Join(texts, ", "))
		if err != nil || !cmp.Equal(groups, again) {
			t.Errorf("%q: %v became %v (%v)", field, groups, again, err)
		}
	})
}

func TestParagraphs(t *testing.T) {
	in := deb.NewReader(strings.NewReader("\n# comment\nPackage: a\nDescription: short\n long\n .\n\tend\n\n \nPACKAGE:b\nEmpty:\n"))

	var got []deb.Paragraph

	for {
		p, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			t.Fatal(err)
		}

		got = append(got, p)
	}

	want := []deb.Paragraph{
		{"package": "a", "description": "short\nlong\n.\nend"},
		{"package": "b", "empty": ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	for _, bad := range []string{" x\n", "no field\n", "A: 1\na: 2\n", ": x\n"} {
		if p, err := deb.NewReader(strings.NewReader(bad)).Next(); err == nil {
			t.Errorf("%q gave %v", bad, p)
		}
	}
}

func FuzzParagraphs(f *testing.F) {
	f.Add([]byte("Package: a\nDepends: b,\n c\n\nPackage: d\n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		in := deb.NewReader(bytes.NewReader(data))
		for range len(data) + 1 {
			if _, err := in.Next(); err != nil {
				return
			}
		}

		t.Error("more paragraphs than bytes")
	})
}

// ar writes an ar archive of names and contents in turn.
func ar(members ...string) []byte {
	out := []byte("!<arch>\n")

	for i := 0; i < len(members); i += 2 {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", members[i], 0, 0, 0, 0o100644, len(members[i+1]), members[i+1])
		if len(members[i+1])%2 == 1 {
			out = append(out, '\n')
		}
	}

	return out
}

func tarOf(t testing.TB, name, text string) string {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}

	io.WriteString(w, text) //nolint:errcheck // into memory

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.String()
}

func TestArchive(t *testing.T) {
	control, data := tarOf(t, "./control", "Package: x\nVersion: 1\n"), tarOf(t, "./usr/bin/x", "binary")

	packers := map[string]func(io.Writer) (io.WriteCloser, error){
		"":     func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
		".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		".xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	}

	for suffix, packer := range packers {
		pack := func(s string) string {
			var out bytes.Buffer

			w, err := packer(&out)
			if err != nil {
				t.Fatal(err)
			}

			io.WriteString(w, s) //nolint:errcheck // into memory

			if err := w.Close(); err != nil {
				t.Fatal(err)
			}

			return out.String()
		}

		file := ar("debian-binary", "2.0\n", "control.tar"+suffix, pack(control), "_odd", "x", "data.tar"+suffix+"/", pack(data))

		fields, err := deb.Control(bytes.NewReader(file))
		if err != nil || fields.Get("package") != "x" {
			t.Errorf("%s: got %v, %v", suffix, fields, err)
		}

		stream, err := deb.Data(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", suffix, err)

			continue
		}

		got, err := io.ReadAll(stream)
		if err != nil || string(got) != data || stream.Close() != nil {
			t.Errorf("%s: got %d bytes, want %d; %v", suffix, len(got), len(data), err)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestBadArchive(t *testing.T) {
	good := ar("debian-binary", "2.0\n", "control.tar", "", "data.tar", "")

	tests := map[string]struct {
		data []byte
		want string
	}{
		"empty":         {nil, "not an ar archive"},
		"other":         {[]byte("PK\x03\x04 and more"), "not an ar archive"},
		"cut":           {good[:100], "unexpected EOF"},
		"cut in member": {ar("debian-binary", "2.0\n", "x", "xxxxxx")[:140], "unexpected EOF"},
		"future":        {ar("debian-binary", "3.0\n"), "want debian-binary with 2.0"},
		"first":         {ar("data.tar", ""), "want debian-binary"},
		"no data":       {ar("debian-binary", "2.0\n"), "look for data.tar"},
		"compression":   {ar("debian-binary", "2.0\n", "data.tar.lzma", ""), `compressed as ".lzma"`},
		"size":          {bytes.Replace(good, []byte("4         `"), []byte("-4        `"), 1), "size is"},
		"header":        {bytes.Replace(good, []byte("`\n"), []byte("..\n"), 1), "header is damaged"},
	}

	for name, test := range tests {
		if _, err := deb.Data(bytes.NewReader(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// A package that dpkg-deb built is read as dpkg-deb reads it.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("no dpkg-deb to build with")
	}

	root := filepath.Join(t.TempDir(), "root")
	for name, text := range map[string]string{
		"DEBIAN/control":   "Package: akmon-test\nVersion: 1:2.0-3\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n long\n",
		"usr/share/a/file": strings.Repeat("text ", 10_000),
		"usr/bin/tool":     "#!/bin/sh\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}

	for _, kind := range []string{"none", "gzip", "xz", "zstd"} {
		file := filepath.Join(t.TempDir(), "x.deb")
		if out, err := exec.Command(tool, "--root-owner-group", "-Z"+kind, "-b", root, file).CombinedOutput(); err != nil {
			t.Logf("dpkg-deb -Z%s: %v: %s", kind, err, out)

			continue
		}

		want, err := exec.Command(tool, "--fsys-tarfile", file).Output()
		if err != nil {
			t.Fatal(err)
		}

		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()

		stream, err := deb.Data(f)
		if err != nil {
			t.Fatal(err)
		}

		if got, err := io.ReadAll(stream); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d; %v", kind, len(got), len(want), err)
		}

		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}

		if fields, err := deb.Control(f); err != nil || fields.Get("Version") != "1:2.0-3" {
			t.Errorf("%s: %v, %v", kind, fields, err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(ar("debian-binary", "2.0\n", "control.tar", tarOf(f, "./control", "Package: x\n"), "data.tar", tarOf(f, "./x", "y")))
	f.Add(ar("debian-binary", "2.0\n", "data.tar.xz", "\xfd7zXZ\x00"))

	f.Fuzz(func(_ *testing.T, data []byte) {
		deb.Control(bytes.NewReader(data)) //nolint:errcheck // must not panic

		if stream, err := deb.Data(bytes.NewReader(data)); err == nil {
			io.Copy(io.Discard, io.LimitReader(stream, 1<<20)) //nolint:errcheck // must not panic
			stream.Close()
		}
	})
}
