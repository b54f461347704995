package diff_test

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
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/reproduce/diff"
)

func section(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}

func compare(t testing.TB, a, b []byte) *diff.Result {
	t.Helper()

	result, err := diff.Compare(t.Context(), "file", section(a), section(b), diff.Options{Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}

	return result
}

// told is the result as people see it.
func told(result *diff.Result) []string {
	var lines []string
	for _, d := range result.Differences {
		line := d.Where() + ": " + d.Text
		if d.Known != "" {
			line += " [" + d.Known + "]"
		}

		lines = append(lines, line)
	}

	return lines
}

type member struct {
	name, content string
	mode          int64
	time          int64
}

func tarball(t testing.TB, members ...member) []byte {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)

	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: m.mode, Size: int64(len(m.content)), ModTime: time.Unix(m.time, 0), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func gz(t testing.TB, name string, data []byte, level int) []byte {
	t.Helper()

	var out bytes.Buffer

	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}

	w.Name = name

	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func zst(t testing.TB, data []byte) []byte {
	t.Helper()

	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}

	return w.EncodeAll(data, nil)
}

func TestCompare(t *testing.T) {
	long := strings.Repeat("the same line\n", 1000)
	a := tarball(t, member{"etc/date", "one\ntwo\nthree\n", 0o644, 0}, member{"same", "same", 0o644, 0})
	b := tarball(t, member{"etc/date", "one\n2\nthree\n", 0o644, 0}, member{"same", "same", 0o644, 0})

	for name, test := range map[string]struct {
		a, b []byte
		want []string
	}{
		"equal":    {a: a, b: a},
		"text":     {a: []byte(long + "old\n"), b: []byte(long + "new\n"), want: []string{"file: line 1001\n- old\n+ new"}},
		"more":     {a: []byte("a\n"), b: []byte("a\nb\n"), want: []string{"file: line 2 and what follows, 1 | 2 lines\n- \n+ b"}},
		"breaks":   {a: []byte("a\r\nb\n"), b: []byte("a\nb\n"), want: []string{"file: the line breaks differ"}},
		"bytes":    {a: []byte("\x00\x01\x02"), b: []byte("\x00\x09\x02"), want: []string{"file: first difference at byte 1 (0x1), 1 of 3 bytes differ\n- 00000000  00 01 02                                         ...\n+ 00000000  00 09 02                                         ..."}},
		"size":     {a: []byte("\x00"), b: []byte("\x00\x00"), want: []string{"file: first difference at byte 1 (0x1), sizes 1 | 2\n- 00000000  00                                               .\n+ 00000000  00 00                                            .."}},
		"tar":      {a: a, b: b, want: []string{"file » etc/date: line 2\n- two\n+ 2"}},
		"tar.gz":   {a: gz(t, "", a, 9), b: gz(t, "", b, 9), want: []string{"file » gzip » etc/date: line 2\n- two\n+ 2"}},
		"tar.zst":  {a: zst(t, a), b: zst(t, b), want: []string{"file » zstd » etc/date: line 2\n- two\n+ 2"}},
		"gzipped":  {a: gz(t, "x", a, 9), b: gz(t, "y", a, 9), want: []string{"file: gzip header: name: x | y"}},
		"damaged":  {a: damaged(a), b: damaged(b), want: []string{"file: first difference at byte 134 "}},
		"one side": {a: a, b: []byte("not an archive\n"), want: []string{"file: first difference at byte 0 (0x0), sizes "}},
		"metadata": {
			a:    tarball(t, member{"x", "1", 0o644, 5}),
			b:    tarball(t, member{"x", "1", 0o755, 6}),
			want: []string{"file » x: mode: 0644 | 0755", "file » x: time: 1970-01-01T00:00:05Z | 1970-01-01T00:00:06Z"},
		},
		"files": {
			a:    tarball(t, member{"x", "1", 0o644, 5}, member{"y", "1", 0o644, 5}),
			b:    tarball(t, member{"y", "1", 0o644, 5}, member{"z", "1", 0o644, 5}),
			want: []string{"file » x: only in the first", "file » z: only in the second"},
		},
		"order": {
			a:    tarball(t, member{"x", "1", 0o644, 5}, member{"y", "1", 0o644, 5}),
			b:    tarball(t, member{"y", "1", 0o644, 5}, member{"x", "1", 0o644, 5}),
			want: []string{"file: the order of the entries: number 1 is x | y"},
		},
		"ar": {
			a:    []byte("!<arch>\n" + arMember("//", "longer-than-sixteen.o/\n\n") + arMember("/0", "one") + arMember("b.o/", "b")),
			b:    []byte("!<arch>\n" + arMember("//", "longer-than-sixteen.o/\n\n") + arMember("/0", "two") + arMember("b.o/", "b")),
			want: []string{"file » longer-than-sixteen.o: line 1\n- one\n+ two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(compare(t, test.a, test.b))

			if name == "damaged" || name == "one side" {
				for i := range got {
					got[i] = got[i][:min(len(got[i]), len(test.want[i]))]
				}
			}

			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// damaged breaks the header of an archive's second file.
func damaged(archive []byte) []byte {
	out := bytes.Clone(archive)
	out[1024+5]++

	return out
}

func arMember(name, content string) string {
	text := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", name, 0, 0, 0, 0o644, len(content), content)
	if len(content)%2 == 1 {
		text += "\n"
	}

	return text
}

// TestFiles shows that the files on the way to a difference are told, with
// their sums.
func TestFiles(t *testing.T) {
	inner := [2][]byte{tarball(t, member{"bin/x", "1", 0o755, 0}), tarball(t, member{"bin/x", "2", 0o755, 0})}
	result := compare(t, tarball(t, member{"./in.tar", string(inner[0]), 0o644, 0}), tarball(t, member{"./in.tar", string(inner[1]), 0o644, 0}))

	if len(result.Differences) != 1 {
		t.Fatalf("got %v", told(result))
	}

	files := result.Differences[0].Files
	if len(files) != 2 || files[0].Path != "in.tar" || files[1].Path != "bin/x" {
		t.Fatalf("got %+v", files)
	}

	if want := "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"; files[1].First != want {
		t.Errorf("the sum is %s, want that of \"1\"", files[1].First)
	}
}

func TestLimit(t *testing.T) {
	var a, b []member

	for i := range 50 {
		a = append(a, member{name: fmt.Sprint(i), content: "1"})
		b = append(b, member{name: fmt.Sprint(i), content: "2"})
	}

	result, err := diff.Compare(t.Context(), "file", section(tarball(t, a...)), section(tarball(t, b...)), diff.Options{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}

	if len(result.Differences) != 10 || result.Omitted != 40 || result.Explained() {
		t.Errorf("%d differences, %d omitted", len(result.Differences), result.Omitted)
	}
}

// TestLarge unpacks more than is kept in memory.
func TestLarge(t *testing.T) {
	a := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	b := bytes.Clone(a)
	b[len(b)-1] = 'x'

	dir := t.TempDir()

	result, err := diff.Compare(t.Context(), "file", section(zst(t, a)), section(zst(t, b)), diff.Options{Temp: dir})
	if err != nil {
		t.Fatal(err)
	}

	if len(result.Differences) != 1 || result.Differences[0].Offset != int64(len(a)-1) {
		t.Errorf("got %v", told(result))
	}

	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()

	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}

	cmd := exec.Command(name, args...)
	cmd.Dir = dir

	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()

	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func write(t *testing.T, text string, path ...string) {
	t.Helper()

	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestELF compares what a compiler made.
func TestELF(t *testing.T) {
	var files [2][]byte

	for i, value := range []string{"1", "2"} {
		dir := t.TempDir()
		write(t, "const char built[] = \"build "+value+"\";\nint answer(void) { return "+value+"; }\nint main(void) { return built[0] + answer(); }\n", dir, "x.c")
		run(t, dir, "gcc", "-O0", "-Wl,--build-id=sha1", "-o", "x", "x.c")
		files[i] = read(t, dir, "x")
	}

	got := strings.Join(told(compare(t, files[0], files[1])), "\n")

	for _, want := range []string{"file » .note.gnu.build-id: build ID ", "file » .text: in answer+0x", "file » .rodata: in built+0x6: "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}

	if strings.Contains(got, ".data") {
		t.Errorf("equal sections are in\n%s", got)
	}
}

// TestSquashfs compares what mksquashfs made, with each compression that it
// and we have.
func TestSquashfs(t *testing.T) {
	for _, compression := range []string{"gzip", "xz", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			var files [2][]byte

			for i, value := range []string{"1", "2"} {
				dir := t.TempDir()
				write(t, strings.Repeat("same\n", 50000)+value+"\n", dir, "root", "usr", "bin", "tool")
				write(t, "same\n", dir, "root", "etc", "same")

				if err := os.Symlink("target"+value, filepath.Join(dir, "root", "link")); err != nil {
					t.Fatal(err)
				}

				if err := os.Chmod(filepath.Join(dir, "root", "etc", "same"), os.FileMode(0o600+i*0o44)); err != nil {
					t.Fatal(err)
				}

				run(t, dir, "mksquashfs", "root", "x", "-quiet", "-no-progress", "-all-root", "-comp", compression, "-mkfs-time", "0", "-all-time", fmt.Sprint(i))
				files[i] = read(t, dir, "x")
			}

			got := strings.Join(told(compare(t, files[0], files[1])), "\n")

			for _, want := range []string{
				"file » usr/bin/tool: line 50001\n- 1\n+ 2",
				"file » etc/same: mode: -rw------- | -rw-r--r--",
				"file » link: link: target1 | target2",
				"file » etc: time: 1970-01-01T00:00:00Z | 1970-01-01T00:00:01Z",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
		})
	}
}

// TestCpio compares what cpio made, twice in one file as an initramfs may be.
func TestCpio(t *testing.T) {
	var files [2][]byte

	for i, value := range []string{"1", "2"} {
		dir := t.TempDir()
		write(t, "value "+value+"\n", dir, "root", "init")
		run(t, dir, "sh", "-c", "cd root && touch -d @0 init && echo init | cpio --quiet -o -H newc --reproducible >../a")
		files[i] = append(read(t, dir, "a"), zst(t, read(t, dir, "a"))...)
	}

	want := []string{
		"file » init: line 1\n- value 1\n+ value 2",
		"file » what follows the archive » zstd » init: line 1\n- value 1\n+ value 2",
	}
	if d := cmp.Diff(want, told(compare(t, files[0], files[1]))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestReadErrors shows that what can't be read is an error.
func TestReadErrors(t *testing.T) {
	broken := io.NewSectionReader(failing{}, 0, 100)

	if _, err := diff.Compare(t.Context(), "file", broken, section(make([]byte, 100)), diff.Options{}); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}

var errDisk = errors.New("the disk is broken")

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func FuzzCompare(f *testing.F) {
	a := tarball(f, member{"x", "1", 0o644, 5})
	seeds := [][]byte{
		a, gz(f, "x", a, 1), zst(f, a), []byte("!<arch>\n" + arMember("x", "1")), []byte("hsqs"), []byte("\x7fELF\x02\x01\x01"),
		[]byte("MZ\x00\x00zimg\x10\x00\x00\x00\x10\x00\x00\x00"), []byte("x~Module signature appended~\n"), []byte("070701"),
	}

	for _, one := range seeds {
		for _, two := range seeds {
			f.Add(one, two)
		}
	}

	f.Fuzz(func(t *testing.T, a, b []byte) {
		result := compare(t, a, b)
		if result.Equal() != bytes.Equal(a, b) {
			t.Errorf("equal is %v", result.Equal())
		}
	})
}
