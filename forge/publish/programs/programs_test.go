package programs_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/publish/programs"
)

// goProgram builds a program whose modules are known: this module's, and one
// that its go.mod has another in the place of.
func goProgram(t *testing.T, to string) {
	t.Helper()

	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":     "module example.org/program\ngo 1.24\nrequire example.org/lib v1.2.3\nreplace example.org/lib v1.2.3 => ./lib\n",
		"main.go":    "package main\nimport \"example.org/lib\"\nfunc main() { println(lib.Name) }\n",
		"lib/go.mod": "module example.org/lib\n", "lib/lib.go": "package lib\nvar Name = \"lib\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	cmd := exec.Command("go", "build", "-ldflags=-s -w -buildid=", "-o", to, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")

	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// shell runs a script in a directory; it skips the test if a tool is missing.
func shell(t *testing.T, dir, script string, tools ...string) {
	t.Helper()

	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir

	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// find gives the programs of a file as text.
func find(t *testing.T, path string) ([]string, error) {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	temp := t.TempDir()
	found, err := programs.Find("/"+filepath.Base(path), bytes.NewReader(data), int64(len(data)), temp)

	if left, readErr := os.ReadDir(temp); readErr != nil || len(left) > 0 {
		t.Errorf("%d files are left behind, %v", len(left), readErr)
	}

	var list []string

	for _, p := range found {
		var modules []string
		for _, m := range p.Modules {
			if m.Path != "stdlib" {
				modules = append(modules, m.Path+"@"+m.Version)
			}
		}

		list = append(list, fmt.Sprintf("%s %s %v %s", p.Location, p.Name, modules, p.PURL()))
	}

	slices.Sort(list)

	return list, err
}

const what = " example.org/program [example.org/lib@v1.2.3] pkg:golang/example.org/program"

func TestFind(t *testing.T) {
	dir := t.TempDir()
	goProgram(t, filepath.Join(dir, "program"))
	shell(t, dir, "mkdir -p in/a/b in/c && cp program in/a/b/p && head -c 3000 /dev/zero >in/c/zeros && echo x >in/x && ln -s x in/link && ln in/x in/hard")

	for _, test := range []struct {
		name, script string
		tools        []string
		want         []string
	}{
		{"program", "true", nil, []string{"/program" + what}},
		{"text", "echo hello >text", nil, nil},
		{"empty", ": >empty", nil, nil},
		{"elf", "head -c 64 program >elf", nil, nil}, // no Go program: it is cut off
		{"note.gz", "echo hello | gzip >note.gz", []string{"gzip"}, nil},
		{"a.cpio", "cd in && find . | cpio --quiet -o -H newc >../a.cpio", []string{"cpio"}, []string{"/a.cpio:/a/b/p" + what}},
		{"a.cpio.xz", "xz -k a.cpio", []string{"xz"}, []string{"/a.cpio.xz:/a/b/p" + what}},
		{"a.cpio.gz", "gzip -k a.cpio", []string{"gzip"}, []string{"/a.cpio.gz:/a/b/p" + what}},
		{
			"initrd", "zstd -q a.cpio && cat a.cpio >initrd && head -c 1000 /dev/zero >>initrd && cat a.cpio.zst >>initrd",
			[]string{"zstd"},
			[]string{"/initrd:/a/b/p" + what, "/initrd:/a/b/p" + what},
		},
		{"z.sqsh", "mksquashfs in z.sqsh -quiet -no-progress -comp zstd", []string{"mksquashfs"}, []string{"/z.sqsh:/a/b/p" + what}},
		{"g.sqsh", "mksquashfs in g.sqsh -quiet -no-progress -comp gzip", []string{"mksquashfs"}, []string{"/g.sqsh:/a/b/p" + what}},
		{"x.sqsh", "mksquashfs in x.sqsh -quiet -no-progress -comp xz", []string{"mksquashfs"}, []string{"/x.sqsh:/a/b/p" + what}},
		{
			"deep.zst", "mkdir deep && cp z.sqsh deep/root && cd deep && echo root | cpio --quiet -o -H newc | zstd -q >../deep.zst",
			[]string{"zstd", "cpio"},
			[]string{"/deep.zst:/root:/a/b/p" + what},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			shell(t, dir, test.script, test.tools...)

			got, err := find(t, filepath.Join(dir, test.name))
			if err != nil {
				t.Error(err)
			}

			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}

	// What is damaged is said, and does not hide the rest.
	shell(t, dir, "head -c 200000 z.sqsh >bad && mkdir two && cp bad program two && cd two && printf 'bad\\nprogram\\n' | cpio --quiet -o -H newc >../two.cpio")

	got, err := find(t, filepath.Join(dir, "two.cpio"))
	if err == nil || !strings.Contains(err.Error(), "/two.cpio:/bad") {
		t.Errorf("a damaged squashfs: %v", err)
	}

	if diff := cmp.Diff([]string{"/two.cpio:/program" + what}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nothing that a file can hold makes it panic.
func FuzzFind(f *testing.F) {
	var packed bytes.Buffer

	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("070701" + strings.Repeat("0", 104)))
	_ = z.Close()

	f.Add(packed.Bytes())
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("hsqs" + strings.Repeat("\x00", 92)))
	f.Add([]byte("070701" + strings.Repeat("0", 104)))

	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = programs.Find("/x", bytes.NewReader(data), int64(len(data)), t.TempDir())
	})
}
