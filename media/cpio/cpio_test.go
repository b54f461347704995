package cpio_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/media/cpio"
	"github.com/akmon-os/akmon/media/extent"
)

func text(s string) *extent.List { return extent.FromBytes([]byte(s)) }

func sample() []cpio.File {
	return []cpio.File{
		{Path: "dev", Mode: cpio.TypeDir | 0o755},
		{Path: "dev/console", Mode: cpio.TypeChar | 0o600, Major: 5, Minor: 1},
		{Path: "/init", Mode: 0o755, Content: text("#!/bin/true\n")},
		{Path: "empty", Mode: 0o644},
		{Path: "sbin", Mode: cpio.TypeLink | 0o777, Target: "usr/bin"},
		{Path: "usr/lib/os-release", Mode: 0o644, Content: text("ID=akmon\n")},
	}
}

func build(t testing.TB) []byte {
	t.Helper()

	l, err := cpio.New(sample(), time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}

	b, err := l.Bytes(1 << 20)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// entry is what a test compares.
type entry struct {
	Path    string
	Mode    uint32
	Content string
	Major   uint32
	Minor   uint32
}

func read(t *testing.T, b []byte) (out []entry) {
	t.Helper()

	r := cpio.NewReader(bytes.NewReader(b))

	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}

		if err != nil {
			t.Fatal(err)
		}

		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}

		if direct := b[h.Offset:][:h.Size]; !bytes.Equal(direct, content) {
			t.Errorf("%s is not at its offset", h.Path)
		}

		if h.UID != 0 || h.GID != 0 || h.ModTime.Unix() != 1_700_000_000 {
			t.Errorf("%+v", h)
		}

		out = append(out, entry{h.Path, h.Mode, string(content), h.Major, h.Minor})
	}
}

func TestReadBack(t *testing.T) {
	want := []entry{
		{"dev", 0o040755, "", 0, 0},
		{"dev/console", 0o020600, "", 5, 1},
		{"init", 0o100755, "#!/bin/true\n", 0, 0},
		{"empty", 0o100644, "", 0, 0},
		{"sbin", 0o120777, "usr/bin", 0, 0},
		{"usr/lib/os-release", 0o100644, "ID=akmon\n", 0, 0},
	}
	if d := cmp.Diff(want, read(t, build(t))); d != "" {
		t.Error(d)
	}

	if !bytes.Equal(build(t), build(t)) {
		t.Error("two archives of the same files differ")
	}
}

func TestCpioListsIt(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}

	cmd := exec.Command(tool, "-tv", "--quiet")
	cmd.Stdin = bytes.NewReader(build(t))

	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	for _, want := range []string{"crw-------", "5,   1", "sbin -> usr/bin", "-rwxr-xr-x", "usr/lib/os-release"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("cpio does not list %q:\n%s", want, out)
		}
	}
}

func TestReadsWhatCpioWrites(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(tool, "-o", "-H", "newc", "--quiet")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(".\nfile\n")

	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}

	r := cpio.NewReader(bytes.NewReader(b))
	if h, err := r.Next(); err != nil || h.Path != "." {
		t.Fatalf("%+v, %v", h, err)
	}

	h, err := r.Next()
	if err != nil || h.Path != "file" || h.Size != 7 {
		t.Fatalf("%+v, %v", h, err)
	}

	// Skipping the content and going on is fine.
	if h, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestErrors(t *testing.T) {
	big := &extent.List{}
	big.AppendZeros(1 << 32)

	for _, f := range []cpio.File{
		{Path: "/"}, {Path: "TRAILER!!!"}, {Path: "a\x00b"}, {Path: "big", Content: big},
		{Path: "dir", Mode: cpio.TypeDir, Content: text("x")},
	} {
		if _, err := cpio.New([]cpio.File{f}, time.Time{}); err == nil {
			t.Errorf("%q is accepted", f.Path)
		}
	}

	b := build(t)

	for _, tt := range [][]byte{b[:50], b[:len(b)/2], []byte("070707 something else entirely"), nil, bytes.Replace(b, []byte("070701"), []byte("07070x"), 1)} {
		r := cpio.NewReader(bytes.NewReader(tt))

		var err error
		for err == nil {
			if _, err = r.Next(); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		}

		if !errors.Is(err, cpio.ErrFormat) {
			t.Errorf("%.10q: %v", tt, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(build(f))
	f.Fuzz(func(_ *testing.T, b []byte) {
		r := cpio.NewReader(bytes.NewReader(b))
		for {
			if _, err := r.Next(); err != nil {
				return
			}

			_, _ = io.Copy(io.Discard, r)
		}
	})
}
