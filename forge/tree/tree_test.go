package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

var (
	amd64 = ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = ocispecs.Platform{OS: "linux", Architecture: "arm64"}
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}

	return fsys
}

func TestPackage(t *testing.T) {
	loaded, err := tree.Load(tree.Options{Platform: arm64, BuildPlatform: amd64, FS: files(
		"pkg.yaml", "format: v1alpha2\nepoch: 1767312000\nlabels: {a: b}\n",
		"a/pkg.yaml", `{{/* a comment
of two lines */ -}}
name: a
steps:
  {{- range list "x" "y" }}
  - build:
      - make {{ . }}
      - |
        one
        two
  {{- end }}
finalize:
  - {}
dependencies:
  - stage: b
`,
		"a/patches/one.patch", "x",
		"a/files/conf.tmpl", "arch={{ .ARCH }}",
		"a/files/b/pkg.yaml", "name: b\n",
		"a/files/b/c.tmpl", "b",
	)})
	if err != nil {
		t.Fatal(err)
	}

	a, b := loaded.Packages["a"], loaded.Packages["b"]

	if diff := cmp.Diff([]tree.Template{{Path: "files/conf", Content: []byte("arch=aarch64")}}, a.Templates); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff([]tree.Template{{Path: "c", Content: []byte("b")}}, b.Templates); diff != "" {
		t.Errorf("templates of b (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff([]string{"a/files/b"}, a.Nested); diff != "" {
		t.Errorf("nested (-want +got):\n%s", diff)
	}

	if !a.HasFiles || a.Dir != "a" || a.Path("x") != "a/x" {
		t.Errorf("HasFiles %v, Dir %s, Path %s", a.HasFiles, a.Dir, a.Path("x"))
	}

	// Both passes of the loop map to the same lines.
	for i, s := range a.Steps {
		got := []pkgtree.Position{s.Build[0].Pos, s.Build[1].Pos, s.Build[1].End}
		if got[0].Line != 7 || got[1].Line != 8 || got[2].Line != 10 {
			t.Errorf("step %d is at %v", i, got)
		}
	}

	if p := a.Dependencies[0].Pos; p != (pkgtree.Position{Line: 15, Column: 12}) {
		t.Errorf("the dependency is at %v", p)
	}

	if !loaded.Epoch().Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("epoch %v", loaded.Epoch())
	}

	if loaded.ShellOf(a) != "/bin/bash" || loaded.VariantOf(a) != pkgtree.Scratch {
		t.Errorf("shell %s, variant %s", loaded.ShellOf(a), loaded.VariantOf(a))
	}
}

func TestEnv(t *testing.T) {
	for name, test := range map[string]struct {
		root string
		want map[string]string
	}{
		"pkg.yaml": {"pkg.yaml", map[string]string{
			"CFLAGS": "-g0 -Os", "CXXFLAGS": "-g0 -Os", "LDFLAGS": "-s", "VENDOR": "akmon", "SYSROOT": "/sysroot", "TOOLCHAIN": "/toolchain",
			"PATH":  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"BUILD": "x86_64-linux-musl", "HOST": "x86_64-linux-musl", "ARCH": "aarch64", "TARGET": "aarch64-akmon-linux-musl",
		}},
		"Pkgfile": {"Pkgfile", map[string]string{
			"CFLAGS": "-O2 -g0", "CXXFLAGS": "-O2 -g0", "LDFLAGS": "-s", "VENDOR": "talos", "SYSROOT": "/talos", "TOOLCHAIN": "/toolchain",
			"PATH":  "/toolchain/bin:/bin:/usr/bin:/sbin:/usr/sbin",
			"BUILD": "x86_64-linux-musl", "HOST": "x86_64-linux-musl", "ARCH": "aarch64", "TARGET": "aarch64-talos-linux-musl",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := tree.Load(tree.Options{Platform: arm64, BuildPlatform: amd64, FS: files(
				test.root, "format: v1alpha2\nvars: {SYSROOT: /mine, MINE: 1.10}\n", "a/pkg.yaml", "name: a\n",
			)})
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(test.want, loaded.Env()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}

			vars := loaded.Packages["a"].Vars
			for name, want := range map[string]string{
				"SYSROOT": "/mine", "MINE": "1.10", "PLATFORM": "linux/arm64", "BUILDPLATFORM": "linux/amd64", "GOARCH": "arm64",
			} {
				if vars[name] != want {
					t.Errorf("%s is %q in templates, want %q", name, vars[name], want)
				}
			}
		})
	}
}

func TestForAnotherPlatform(t *testing.T) {
	loaded, err := tree.Load(tree.Options{Platform: amd64, BuildPlatform: amd64, FS: files(
		"pkg.yaml", "format: v1alpha2\n",
		"a/pkg.yaml", "name: a\nversion: {{ .ARCH }}\n{{ if eq .ARCH \"armv7\" }}nope: 1{{ end }}\n",
	)})
	if err != nil {
		t.Fatal(err)
	}

	var wait sync.WaitGroup

	trees := make([]*tree.Tree, 8)
	for i := range trees {
		wait.Go(func() { trees[i], _ = loaded.For(arm64, amd64) })
	}

	wait.Wait()

	for _, other := range trees {
		if other == nil || other != trees[0] || other.Packages["a"].Version != "aarch64" {
			t.Fatalf("got %v", other)
		}
	}

	if _, err := loaded.For(ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, amd64); err == nil {
		t.Error("the recipe that is wrong on armv7 is accepted")
	}

	if _, err := loaded.For(ocispecs.Platform{OS: "plan9", Architecture: "amd64"}, amd64); err == nil {
		t.Error("plan9 is accepted")
	}
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/arm64": "linux/arm64", "linux/arm64/v8": "linux/arm64",
		"linux/arm/v7": "linux/armv7", "linux/armv7": "linux/armv7", "linux/riscv64": "linux/riscv64", "linux/vax": "", "": "",
	} {
		p, err := tree.ParsePlatform(in)
		if (err != nil) != (want == "") {
			t.Errorf("%s: %v", in, err)
		} else if err == nil && tree.FormatPlatform(p) != want {
			t.Errorf("%s becomes %s", in, tree.FormatPlatform(p))
		}
	}
}

func write(t *testing.T, dir string, pairs ...string) {
	t.Helper()

	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever a link or a path says, nothing outside of the tree is read.
func TestNothingOutsideIsRead(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "pkg.yaml", "name: stolen\n", "go.sum", "secret v1 h1:x\n", "vars.yaml", "A: secret\n", "x.tmpl", "secret")

	for name, test := range map[string]struct{ link, target, file, text, want string }{
		"recipe":         {"b/pkg.yaml", "pkg.yaml", "", "", "b/pkg.yaml: it leads out of the tree by a symbolic link"},
		"variables":      {"a/vars.yaml", "vars.yaml", "", "", "a/vars.yaml: it leads out of the tree by a symbolic link"},
		"template":       {"a/x.tmpl", "x.tmpl", "", "", "a/x.tmpl: it leads out of the tree by a symbolic link"},
		"root":           {"Pkgfile", "pkg.yaml", "", "", "Pkgfile: it leads out of the tree by a symbolic link"},
		"local":          {"dir", ".", "a/pkg.yaml", "name: a\nfinalize: [{}]\nsteps: [{sources: [{local: dir}]}]\n", "it leads out of the tree by a symbolic link"},
		"go":             {"dir", ".", "a/pkg.yaml", "name: a\nfinalize: [{}]\nsteps: [{sources: [{go: dir}]}]\n", "it leads out of the tree by a symbolic link"},
		"directory link": {"b", ".", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "pkg.yaml", "format: v1alpha2\n", "a/pkg.yaml", "name: a\n", "b/.keep", "")

			if test.file != "" {
				write(t, dir, test.file, test.text)
			}

			link := filepath.Join(dir, test.link)
			if err := os.RemoveAll(link); err != nil {
				t.Fatal(err)
			}

			if err := os.Symlink(filepath.Join(outside, test.target), link); err != nil {
				t.Fatal(err)
			}

			loaded, err := tree.Load(tree.Options{Dir: dir})

			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want == "" && len(loaded.Packages) != 1:
				t.Errorf("packages: %v", loaded.Names())
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}

	dir := t.TempDir()
	write(t, dir, "pkg.yaml", "format: v1alpha2\n", "in/file", "text")

	if err := os.Symlink(filepath.Join(outside, "go.sum"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}

	loaded, err := tree.Load(tree.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}

	for name, ok := range map[string]bool{"in/file": true, "in/../in/file": true, "link": false, "../x": false, "/etc/passwd": false, "nope": false} {
		if _, err := loaded.ReadFile(name); (err == nil) != ok {
			t.Errorf("reading %s: %v", name, err)
		}
	}
}

// A pipe in the place of a document must not make the reader wait.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "pkg.yaml", "format: v1alpha2\n")

	if err := os.Mkdir(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := mkfifo(filepath.Join(dir, "a", "pkg.yaml")); err != nil {
		t.Skipf("no pipes here: %v", err)
	}

	_, err := tree.Load(tree.Options{Dir: dir})

	var found document.Errors
	if !errors.As(err, &found) || found[0].Message != "it is not a regular file" {
		t.Errorf("got %v", err)
	}
}

func TestLargeFile(t *testing.T) {
	_, err := tree.Load(tree.Options{FS: files("pkg.yaml", "format: v1alpha2\n", "a/pkg.yaml", strings.Repeat("# x\n", 1<<20))})
	if err == nil || err.Error() != "a/pkg.yaml: the file is larger than 2 MiB" {
		t.Errorf("got %v", err)
	}
}
