package frontend

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// sample has every kind of entry that a tree may have, and traps.
func sample() *files {
	const link = uint32(fs.ModeSymlink | 0o777)

	return newFiles([]*fstypes.Stat{
		{Path: "dir", Mode: uint32(fs.ModeDir | 0o755)},
		{Path: "dir/file", Mode: 0o644, Size: 4},
		{Path: "dir/up", Mode: link, Linkname: "../file"},
		{Path: "file", Mode: 0o644, Size: 4},
		{Path: "linked", Mode: link, Linkname: "dir"},
		{Path: "loop", Mode: link, Linkname: "loop"},
		{Path: "out", Mode: link, Linkname: "../../etc/passwd"},
		{Path: "absolute", Mode: link, Linkname: "/etc/passwd"},
		{Path: "pipe", Mode: uint32(fs.ModeNamedPipe | 0o644)},
		{Path: "../escape", Mode: 0o644},
		{Path: "file", Mode: 0o600},
	}, func(name string) ([]byte, error) { return []byte(name), nil })
}

func TestFiles(t *testing.T) {
	f := sample()

	for name, want := range map[string]string{
		"file": "file", "dir/file": "dir/file", "dir/up": "file", "linked/file": "dir/file", "linked/up": "file",
	} {
		if got, err := readFS(f, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}

	for name, want := range map[string]error{
		"missing": fs.ErrNotExist, "dir/missing": fs.ErrNotExist, "file/below": fs.ErrNotExist, "loop": errLinks,
		"out": errOutside, "absolute": errOutside, "../escape": fs.ErrInvalid, "/file": fs.ErrInvalid,
	} {
		if _, err := readFS(f, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}

	if _, err := readFS(f, "pipe"); err == nil {
		t.Error("a pipe can be read")
	}

	entries, err := fs.ReadDir(f, ".")
	if err != nil {
		t.Fatal(err)
	}

	var names []string
	for _, e := range entries {
		names = append(names, e.Name()+" "+e.Type().String())
	}

	want := []string{
		"absolute L---------", "dir d---------", "file ----------", "linked L---------", "loop L---------",
		"out L---------", "pipe p---------",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}

	if info, err := fs.Stat(f, "linked"); err != nil || !info.IsDir() {
		t.Errorf("linked is %v, %v", info, err)
	}
}

// framed writes messages as a transfer of metadata does.
func framed(t testing.TB, listing ...*fstypes.Stat) []byte {
	t.Helper()

	var out []byte

	for _, stat := range listing {
		data, err := stat.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}

		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(data))), data...)
	}

	return out
}

func TestParseMetadata(t *testing.T) {
	data := framed(t, &fstypes.Stat{Path: "a", Mode: 0o644}, &fstypes.Stat{Path: "b/c", Linkname: "d"})

	listing, err := parseMetadata(data)
	if err != nil || len(listing) != 2 || listing[1].Path != "b/c" || listing[1].Linkname != "d" {
		t.Errorf("%v, %v", listing, err)
	}

	for n := range data {
		if got, err := parseMetadata(data[:n]); err == nil && len(framed(t, got...)) != n {
			t.Errorf("%d bytes are taken for whole: %v", n, got)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add(framed(f, &fstypes.Stat{Path: "a", Mode: 0o644}), "a")
	f.Add(framed(f, &fstypes.Stat{Path: "d", Mode: uint32(fs.ModeDir)}, &fstypes.Stat{Path: "d/l", Mode: uint32(fs.ModeSymlink), Linkname: "../../x"}), "d/l")
	f.Add([]byte{1, 0, 0, 0}, "..")

	f.Fuzz(func(t *testing.T, data []byte, name string) {
		listing, err := parseMetadata(data)
		if err != nil {
			return
		}

		files := newFiles(listing, func(name string) ([]byte, error) {
			if !fs.ValidPath(name) {
				t.Errorf("asked for %q", name)
			}

			return nil, nil
		})

		_, _ = readFS(files, name)

		_ = fs.WalkDir(files, ".", func(string, fs.DirEntry, error) error { return nil })
	})
}

func TestComment(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\n": "",
		"# The C library, static only: nothing\n# is dynamic. More.\nname: a\n": "The C library, static only: nothing is dynamic",
		"# syntax=x\n\n# One.\n":                                    "",
		"# yaml-language-server: $schema=x\n# What it is\n# does\n": "What it is does",
		"#\n# After an empty line\n#\n# not this\n":                 "After an empty line",
	} {
		if got := comment([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
