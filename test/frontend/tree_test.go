package frontend_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/bootstrap/layer"
)

// newTree writes the package tree that all ways of building are shown with. Its
// root document names the frontend.
//
// offline leaves out what needs a step with network.
func newTree(t *testing.T, s *site, frontend string, offline ...string) string {
	t.Helper()

	modules := `
      - go: service`
	list := `
        list /go/proxy/golang.org/x/sync /rootfs/modules.list`

	if len(offline) > 0 {
		modules, list = "", ""
	}

	dir := t.TempDir()
	url, sum256, sum512 := s.serve("data.txt", []byte("what a source holds\n"))

	for name, text := range map[string]string{
		"pkg.yaml": `# syntax=` + frontend + `
format: v1alpha2
epoch: 2026-01-02
vars:
  SHELL: /bin/sh
labels:
  org.opencontainers.image.vendor: Example
`,
		"floor/pkg.yaml": `# A shell, and nothing else.
name: floor
dependencies:
  - debian: floor.lock.yaml
finalize:
  - from: /
    to: /
`,
		"floor/floor.lock.yaml": lock(t, s),
		"lib/pkg.yaml": `# A package from a URL, with a template and a file that only its owner may run.
name: lib
version: "1.2"
shell: /bin/sh
dependencies:
  - stage: floor
steps:
  - sources:
      - url: ` + url + `
        destination: data.txt
        sha256: ` + sum256 + `
        sha512: ` + sum512 + `
    cachePaths: [/cache/lib]
    secrets:
      - id: token
        required: false
    build:
      - |
        copy data.txt /rootfs/usr/share/lib/data.txt
        copy /pkg/files/note.txt /rootfs/usr/share/lib/note.txt
        copy /pkg/greeting /rootfs/usr/share/lib/greeting
        env /rootfs/usr/share/lib/env
    test:
      - copy /rootfs/usr/share/lib/data.txt /elsewhere
finalize:
  - from: /rootfs
    to: /
`,
		"lib/files/note.txt": "a note\n",
		"lib/greeting.tmpl":  "hello {{ .BUILD_ARG_WHO | default \"world\" }} on {{ .GOARCH }}\n",
		"app/pkg.yaml": `# An image with all of it.
name: app
version: v1
shell: /bin/sh
licenses: [MIT]
dependencies:
  - stage: floor
  - stage: lib
    to: /lib-files
  - image: ` + s.host + `/base:1
    to: /base-files
steps:
  - sources:
      - local: sources
        include: ["**/*.txt"]` + modules + `
    build:
      - |
        list /lib-files /rootfs/lib.list times
        list /base-files /rootfs/base.list times` + list + `
        copy one.txt /rootfs/one.txt
        copy /lib-files/usr/share/lib/env /rootfs/env
      - list /usr /rootfs/usr.list times
finalize:
  - from: /rootfs
    to: /
  - from: /usr
    to: /floor
image:
  entrypoint: [/bin/app]
  env:
    MODE: test
`,
		"broken/pkg.yaml": `name: broken
shell: /bin/sh
dependencies:
  - stage: floor
steps:
  - build:
      - write /first ok
      - fail 7
finalize:
  - from: /
`,
		"sources/one.txt":     "one\n",
		"sources/skipped.bin": "two\n",
		"service/go.sum":      goSum(t),
		"service/go.mod":      "module example.org/service\n",
		"_out/old":            "must not be looked at\n",
		// It excludes what the build needs: akmon build doesn't look at it.
		".dockerignore": "sources\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}

	push(t, s.host+"/base:1", imageOf(t, v1.Config{}, []*tar.Header{
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "etc/base", Mode: 0o640, Uid: 3, Gid: 4},
	}, []byte("base\n")))

	return dir
}

// write writes a file and the directories above it.
func write(t *testing.T, file, text string) {
	t.Helper()

	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goSum is what our own go.sum says of a module that this program is built
// with, so that the machine's module cache has it.
func goSum(t *testing.T) string {
	t.Helper()

	text, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}

	version := ""

	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "golang.org/x/sync "); ok {
			version = rest
		}
	}

	all, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}

	var out strings.Builder

	for line := range strings.Lines(string(all)) {
		if strings.HasPrefix(line, "golang.org/x/sync "+version) {
			out.WriteString(line)
		}
	}

	if out.Len() == 0 {
		t.Fatal("go.sum has no golang.org/x/sync")
	}

	return out.String()
}

// lock pins two packages that the test makes: the shell, and one with every
// kind of file that Debian's have.
func lock(t *testing.T, s *site) string {
	t.Helper()

	exclude, err := layer.ParsePattern("/usr/share/doc")
	if err != nil {
		t.Fatal(err)
	}

	arch := bootstrap.DebianArch(runtime.GOARCH, "")
	l := bootstrap.Lock{
		Format: bootstrap.Format, Wanted: "test", Snapshot: "20260102T030405Z",
		Userlands: map[string][]bootstrap.Locked{},
		Layout: bootstrap.Layout{
			Exclude: []layer.Pattern{exclude},
			Links:   map[bootstrap.Path]string{"/usr/bin/bash": "sh"},
			Files:   map[bootstrap.Path]bootstrap.File{"/etc/passwd": {Content: "root:x:0:0:root:/root:/bin/sh\n"}},
		},
	}

	for _, p := range []struct {
		name    string
		headers []*tar.Header
		data    []byte
	}{
		{"base-files", []*tar.Header{
			{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "./bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin"},
			{Name: "./usr/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "./usr/bin/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "./usr/local/", Typeflag: tar.TypeDir, Mode: 0o2775, Gid: 50},
			{Name: "./usr/share/doc/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "./usr/share/doc/copyright", Mode: 0o644},
			{Name: "./usr/bin/special", Mode: 0o4711, Uid: 1, Gid: 2},
			{Name: "./usr/bin/other", Typeflag: tar.TypeLink, Linkname: "./usr/bin/special", Mode: 0o4711, Uid: 1, Gid: 2},
			{Name: "./usr/bin/ünïcode", Mode: 0o600},
		}, []byte("files\n")},
		{"shell", []*tar.Header{{Name: "./bin/sh", Mode: 0o755}}, program(t, "./testdata/shell")},
	} {
		data := deb(t, p.headers, p.data)
		url, sum256, sum512 := s.serve(p.name+".deb", data)
		l.Userlands[arch] = append(l.Userlands[arch], bootstrap.Locked{
			Name: p.name, Arch: arch, Version: "1", URL: url, Size: int64(len(data)), SHA256: sum256, SHA512: sum512,
		})
	}

	text, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}
