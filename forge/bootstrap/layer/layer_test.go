package layer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/bootstrap/layer"
)

// pkg makes a package of lines "name kind mode [content or target]".
func pkg(t testing.TB, name string, lines ...string) layer.Package {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)

	for _, line := range lines {
		fields := append(strings.SplitN(line, " ", 4), "")
		h := &tar.Header{Name: fields[0], ModTime: time.Unix(int64(len(line)), 0), Uname: "someone"}

		if _, err := fmt.Sscanf(fields[2], "%o", &h.Mode); err != nil {
			t.Fatal(err)
		}

		switch fields[1] {
		case "dir":
			h.Typeflag = tar.TypeDir
		case "file":
			h.Typeflag, h.Size = tar.TypeReg, int64(len(fields[3]))
		case "link":
			h.Typeflag, h.Linkname = tar.TypeSymlink, fields[3]
		case "hard":
			h.Typeflag, h.Linkname = tar.TypeLink, fields[3]
		case "node":
			h.Typeflag = tar.TypeChar
		}

		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, fields[3]) //nolint:errcheck // into memory
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return layer.Package{Name: name, Size: int64(out.Len()), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	}}
}

func build(t testing.TB, c layer.Config) ([]byte, error) {
	t.Helper()

	c.Scratch = t.TempDir()
	if c.Time.IsZero() {
		c.Time = time.Unix(1_000_000_000, 0)
	}

	var out bytes.Buffer

	_, err := layer.Build(t.Context(), c, &out)

	left, readErr := os.ReadDir(c.Scratch)
	if readErr != nil || len(left) > 0 {
		t.Errorf("left in the scratch directory: %v, %v", left, readErr)
	}

	return out.Bytes(), err
}

// list is a layer as lines.
func list(t testing.TB, data []byte) []string {
	t.Helper()

	var lines []string

	for in := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}

		if err != nil {
			t.Fatal(err)
		}

		if h.ModTime.Unix() != 1_000_000_000 || h.Uname != "" {
			t.Errorf("%s: time %v, owner %q", h.Name, h.ModTime, h.Uname)
		}

		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}

		kind := map[byte]string{tar.TypeDir: "dir", tar.TypeReg: "file", tar.TypeSymlink: "link", tar.TypeLink: "hard"}[h.Typeflag]
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %o %s%s", h.Name, kind, h.Mode, h.Linkname, body)))
	}
}

func patterns(t testing.TB, texts ...string) []layer.Pattern {
	t.Helper()

	var list []layer.Pattern

	for _, text := range texts {
		p, err := layer.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}

		list = append(list, p)
	}

	return list
}

func TestBuild(t *testing.T) {
	base := pkg(t, "base", "./ dir 755", "./bin link 777 usr/bin", "./lib link 777 usr/lib", "./usr/ dir 755", "./usr/bin/ dir 755",
		"./usr/lib/ dir 755", "./tmp/ dir 1777", "./etc/ dir 755", "./srv link 777 /usr/../usr/share/srv")

	tests := []struct {
		name   string
		config layer.Config
		want   []string
	}{
		{"merged usr", layer.Config{Packages: []layer.Package{
			pkg(t, "tool", "./bin/ dir 755", "./bin/tool file 4755 #!tool", "./lib/x/ dir 700", "./lib/x/y file 644 y", "./srv/ dir 755", "./srv/data file 644 d"),
			base,
		}}, []string{
			"bin link 777 usr/bin", "etc/ dir 755", "lib link 777 usr/lib", "srv link 777 /usr/../usr/share/srv", "tmp/ dir 1777", "usr/ dir 755",
			"usr/bin/ dir 755", "usr/bin/tool file 4755 #!tool", "usr/lib/ dir 755", "usr/lib/x/ dir 700", "usr/lib/x/y file 644 y",
			"usr/share/ dir 755", "usr/share/srv/ dir 755", "usr/share/srv/data file 644 d",
		}},
		{"identical files and links", layer.Config{Packages: []layer.Package{
			pkg(t, "a", "./x file 644 same", "./l link 777 x"), pkg(t, "b", "./x file 644 same", "./l link 777 x"),
		}}, []string{"l link 777 x", "x file 644 same"}},
		{"hard links", layer.Config{Packages: []layer.Package{
			pkg(t, "a", "./usr/ dir 755", "./usr/z file 755 body", "./usr/a hard 755 ./usr/z", "./usr/m hard 755 usr/z"),
		}}, []string{"usr/ dir 755", "usr/a file 755 body", "usr/m hard 755 usr/a", "usr/z hard 755 usr/a"}},
		{"hard link to an excluded name", layer.Config{Packages: []layer.Package{
			pkg(t, "a", "./b file 755 body", "./c hard 755 ./b"),
		}, Exclude: patterns(t, "/b")}, []string{"c file 755 body"}},
		{"exclude", layer.Config{Packages: []layer.Package{
			pkg(t, "a", "./usr/share/doc/a/ dir 755", "./usr/share/doc/a/copyright file 644 c", "./usr/lib/a.a file 644 archive",
				"./usr/lib/gcc/b.a file 644 kept", "./usr/lib/one/two/x.a file 644 gone", "./var/empty/ dir 755"),
		}, Exclude: patterns(t, "/usr/share/doc", "/usr/lib/**/*.a", "!/usr/lib/gcc")}, []string{
			"usr/ dir 755", "usr/lib/ dir 755", "usr/lib/gcc/ dir 755", "usr/lib/gcc/b.a file 644 kept", "var/ dir 755", "var/empty/ dir 755",
		}},
		{"extras", layer.Config{
			Packages: []layer.Package{base},
			Exclude:  patterns(t, "/srv", "/etc", "/tmp", "/usr/lib", "/lib"),
			Links:    map[string]string{"/bin/sh": "dash", "/etc/x/y": "../z"},
			Files:    map[string]layer.File{"/etc/passwd": {Content: "root\n", Mode: 0o600}},
		}, []string{
			"bin link 777 usr/bin", "etc/ dir 755", "etc/passwd file 600 root", "etc/x/ dir 755", "etc/x/y link 777 ../z",
			"usr/ dir 755", "usr/bin/ dir 755", "usr/bin/sh link 777 dash",
		}},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := build(t, test.config)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(test.want, list(t, data)); diff != "" {
				t.Error(diff)
			}

			test.config.Parallel = 1

			again, err := build(t, test.config)
			if err != nil || !bytes.Equal(data, again) {
				t.Errorf("one at a time gives another layer (%v)", err)
			}
		})
	}
}

func TestBuildErrors(t *testing.T) {
	tests := []struct {
		name   string
		config layer.Config
		want   []string
	}{
		{"other content", layer.Config{Packages: []layer.Package{
			pkg(t, "first", "./usr/x file 644 one"), pkg(t, "second", "./usr/x file 644 two"),
		}}, []string{"first and second both have /usr/x"}},
		{"through an alias", layer.Config{Packages: []layer.Package{
			pkg(t, "first", "./lib link 777 usr/lib", "./usr/lib/x file 644 one"), pkg(t, "second", "./lib/x file 644 two"),
		}}, []string{"both have /usr/lib/x", "the contents differ"}},
		{"other mode", layer.Config{Packages: []layer.Package{
			pkg(t, "first", "./x file 644 one"), pkg(t, "second", "./x file 755 one"),
		}}, []string{"mode 0644", "mode 0755"}},
		{"other kind", layer.Config{Packages: []layer.Package{
			pkg(t, "first", "./x link 777 y"), pkg(t, "second", "./x file 755 one"),
		}}, []string{"a link to y", "a file of 3 bytes"}},
		{"below a file", layer.Config{Packages: []layer.Package{
			pkg(t, "first", "./x file 644 f"), pkg(t, "second", "./x/y file 755 one"),
		}}, []string{"second has /x/y, but in first /x is a file"}},
		{"outside", layer.Config{Packages: []layer.Package{pkg(t, "bad", "../x file 644 f")}}, []string{"leads out of the package"}},
		{"hard link outside", layer.Config{Packages: []layer.Package{pkg(t, "bad", "x hard 644 ../../etc/shadow")}}, []string{"leads out"}},
		{"hard link to nothing", layer.Config{Packages: []layer.Package{pkg(t, "bad", "x hard 644 y")}}, []string{"hard link to /y"}},
		{"link loop", layer.Config{Packages: []layer.Package{
			pkg(t, "bad", "a link 777 b", "b link 777 a", "a/x file 644 f"),
		}}, []string{"too many symbolic links"}},
		{"device", layer.Config{Packages: []layer.Package{pkg(t, "bad", "dev/null node 666")}}, []string{"not supported"}},
		{"whiteout", layer.Config{Packages: []layer.Package{pkg(t, "bad", "x/.wh.y file 644 f")}}, []string{"means a deletion"}},
		{"extra over a file", layer.Config{
			Packages: []layer.Package{pkg(t, "first", "./x file 644 f")}, Links: map[string]string{"/x": "y"},
		}, []string{"first and links both have /x"}},
		{"extra without a name", layer.Config{Files: map[string]layer.File{"/": {}}}, []string{"not an absolute path"}},
		{"unreadable", layer.Config{Packages: []layer.Package{{Name: "gone", Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}}},
			[]string{"unpack gone"}},
		{"not a tar", layer.Config{Packages: []layer.Package{{Name: "odd", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Repeat("x", 600))), nil
		}}}}, []string{"unpack odd"}},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := build(t, test.config)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern   string
		matches   []string
		otherwise []string
	}{
		{"/usr/share/doc", []string{"usr/share/doc", "usr/share/doc/a/b"}, []string{"usr/share", "usr/share/docs", "usr"}},
		{"/usr/lib/*/gconv", []string{"usr/lib/x/gconv", "usr/lib/x/gconv/y"}, []string{"usr/lib/gconv", "usr/lib/x/y/gconv"}},
		{"/usr/**/*.a", []string{"usr/x.a", "usr/b/c/x.a", "usr/x.a/below"}, []string{"x.a", "usr", "usr/x.so"}},
		{"/usr/**", []string{"usr/x", "usr/x/y"}, []string{"usr", "var/usr/x"}},
		{"/**/x", []string{"x", "a/x", "a/b/x/c"}, []string{"xx"}},
		{"/[ab]?", []string{"ac", "bd/e"}, []string{"cd", "a"}},
	}

	for _, test := range tests {
		p := patterns(t, test.pattern)

		for _, name := range test.matches {
			if !layer.Excluded(p, name) {
				t.Errorf("%s does not match %s", test.pattern, name)
			}
		}

		for _, name := range test.otherwise {
			if layer.Excluded(p, name) {
				t.Errorf("%s matches %s", test.pattern, name)
			}
		}
	}

	for _, bad := range []string{"", "/", "usr", "!usr", "/usr//x", "/../x", "/a**", "/[a", "/x/"} {
		if _, err := layer.ParsePattern(bad); err == nil {
			t.Errorf("the pattern %q was accepted", bad)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("/usr/**/*.a", "usr/lib/x.a")
	f.Add("!/**/**/b", "a/b")

	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if p, err := layer.ParsePattern(pattern); err == nil && len(pattern) < 200 && strings.Count(pattern, "**") < 5 {
			layer.Excluded([]layer.Pattern{p}, name)
		}
	})
}

func TestExtract(t *testing.T) {
	data, err := build(t, layer.Config{Packages: []layer.Package{
		pkg(t, "a", "./d/ dir 750", "./d/f file 640 text", "./d/h hard 640 d/f", "./l link 777 d/f"),
	}})
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	if err := layer.Extract(bytes.NewReader(data), dir); err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(filepath.Join(dir, "l")); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v", got, err)
	}

	f, err1 := os.Stat(filepath.Join(dir, "d/f"))
	h, err2 := os.Stat(filepath.Join(dir, "d/h"))

	if err1 != nil || err2 != nil || !os.SameFile(f, h) || f.Mode() != 0o640 {
		t.Errorf("%v, %v, %v", err1, err2, f)
	}

	// A layer that did not come from Build does not get out of the directory.
	var evil bytes.Buffer

	w := tar.NewWriter(&evil)
	w.WriteHeader(&tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: ".."}) //nolint:errcheck // into memory
	w.WriteHeader(&tar.Header{Name: "up/x", Typeflag: tar.TypeReg, Mode: 0o644})      //nolint:errcheck // into memory
	w.Close()                                                                         //nolint:errcheck // into memory

	if err := layer.Extract(&evil, t.TempDir()); err == nil {
		t.Error("a layer was unpacked out of its directory")
	}
}
