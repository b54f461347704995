package fat_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/internal/golden"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/fat"
)

func text(s string) *extent.List { return extent.FromBytes([]byte(s)) }

// pattern is n bytes that differ from file to file.
func pattern(n int, seed byte) *extent.List {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>9) ^ byte(i)*seed | 1
	}

	return extent.FromBytes(b)
}

func sampleFiles() []fat.File {
	return []fat.File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Content: pattern(300_001, 3)},
		{Path: "EFI/Linux/akmon~v0.1.0+3.efi", Content: pattern(70_000, 5)},
		{Path: "EFI/Linux/akmon~v0.2.0.efi", Content: pattern(4096, 7)},
		{Path: "loader/loader.conf", Content: text("timeout 0\n"), ModTime: time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC)},
		{Path: "loader/entries.srel", Content: text("type1\n"), Attr: fat.ReadOnly | fat.Hidden},
		{Path: "ein sehr langer Name mit Umläuten und 漢字.txt", Content: text("hello")},
		{Path: "README", Content: text("read me\n")},
		{Path: "lower.txt", Content: text("lower\n")},
		{Path: "empty", Content: nil},
		{Path: "nothing here", Dir: true},
		{Path: "a/b/c/d/e/f/g/h/deep.bin", Content: pattern(513, 11)},
	}
}

// write puts the volume over noise, so that a byte that was forgotten shows.
func write(t *testing.T, v *fat.Volume) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(path, bytes.Repeat([]byte("NOISE!!!"), int(min(v.List.Size(), 64<<20))/8), 0o600); err != nil {
		t.Fatal(err)
	}

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	if err := v.List.WriteFile(f, 0); err != nil {
		t.Fatal(err)
	}

	return path
}

// run is a third-party tool; the test is skipped where it is missing.
func run(t *testing.T, tool string, args ...string) string {
	t.Helper()

	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		path, err := exec.LookPath(dir + tool)
		if err != nil {
			continue
		}

		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=0", "LC_ALL=C.UTF-8", "TZ=UTC")

		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
		}

		return string(out)
	}

	t.Skipf("%s is not installed", tool)

	return ""
}

var volumes = []struct {
	name string
	o    fat.Options
	want fat.Type
}{
	{"smallest", fat.Options{}, fat.FAT12},
	{"fat12", fat.Options{Type: fat.FAT12, Label: "AKMON"}, fat.FAT12},
	{"fat16", fat.Options{Type: fat.FAT16, Label: "AKMON"}, fat.FAT16},
	{"fat32", fat.Options{Type: fat.FAT32, Label: "EFI system"}, fat.FAT32},
	{"fat32 4096", fat.Options{Type: fat.FAT32, SectorSize: 4096, Label: "EFI"}, fat.FAT32},
	{"fat16 4096", fat.Options{Type: fat.FAT16, SectorSize: 4096}, fat.FAT16},
	{"1.44 MB", fat.Options{Size: 1474560}, fat.FAT12},
	{"8 MiB", fat.Options{Size: 8 << 20}, fat.FAT16},
	{"34 MiB", fat.Options{Size: 34 << 20}, fat.FAT32},
	{"100 MiB", fat.Options{Size: 100 << 20, Label: "EFI"}, fat.FAT32},
	{"512 MiB", fat.Options{Size: 512 << 20}, fat.FAT32},
	{"1 GiB, clusters of 32 KiB", fat.Options{Size: 1 << 30, ClusterSize: 32 << 10}, fat.FAT16},
	{"40 GiB", fat.Options{Size: 40 << 30}, fat.FAT32},
	{"free space", fat.Options{FreeSpace: 20 << 20}, fat.FAT16},
	{"hidden sectors", fat.Options{HiddenSectors: 2048, Serial: 0xcafe1234}, fat.FAT12},
}

func TestVolumes(t *testing.T) {
	for _, tt := range volumes {
		t.Run(tt.name, func(t *testing.T) {
			files := sampleFiles()

			v, err := fat.New(files, tt.o)
			if err != nil {
				t.Fatal(err)
			}

			if v.Type != tt.want {
				t.Errorf("it is %s, want %s", v.Type, tt.want)
			}

			if tt.o.Size != 0 && v.List.Size() != tt.o.Size {
				t.Errorf("%d bytes, want %d", v.List.Size(), tt.o.Size)
			}

			if free := int64(v.FreeClusters) * int64(v.ClusterSize); free < tt.o.FreeSpace {
				t.Errorf("%d bytes are free, want %d", free, tt.o.FreeSpace)
			}

			checkContent(t, v, files)

			if v.List.Size() <= 1<<30 {
				path := write(t, v)

				t.Run("fsck", func(t *testing.T) { fsck(t, path, v) })
				t.Run("mtools", func(t *testing.T) { mtools(t, path, files) })
			}
		})
	}
}

// checkContent compares everything as our own reader sees it.
func checkContent(t *testing.T, v *fat.Volume, files []fat.File) {
	t.Helper()

	fs, err := fat.Open(v.List, v.List.Size())
	if err != nil {
		t.Fatal(err)
	}

	if fs.Type != v.Type || fs.ClusterSize != v.ClusterSize || fs.Clusters != v.Clusters {
		t.Errorf("read back as %s, %d clusters of %d; written as %s, %d of %d",
			fs.Type, fs.Clusters, fs.ClusterSize, v.Type, v.Clusters, v.ClusterSize)
	}

	for _, f := range files {
		e, err := fs.Find(f.Path)
		if err != nil {
			t.Error(err)
			continue
		}

		if e.Path != f.Path || e.Dir != f.Dir || e.Attr != f.Attr || e.Size != f.Content.Size() {
			t.Errorf("%+v is not what was written: %+v", e, f)
		}

		if !f.ModTime.IsZero() && e.ModTime.Sub(f.ModTime).Abs() > 2*time.Second {
			t.Errorf("%s has the time %s", f.Path, e.ModTime)
		}

		if f.Dir {
			continue
		}

		l, err := fs.Content(e)
		if err != nil {
			t.Error(err)
			continue
		}

		got, err := l.Bytes(1 << 30)
		want, _ := f.Content.Slice(0, 1<<30).Bytes(1 << 30)

		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has other content (%v)", f.Path, err)
		}

		off, ok := v.Offset(f.Path)
		if f.Content.Size() == 0 {
			continue
		}

		direct, err := v.List.Slice(off, f.Content.Size()).Bytes(1 << 30)
		if !ok || err != nil || !bytes.Equal(direct, want) {
			t.Errorf("%s is not at its offset %d", f.Path, off)
		}

		if f.Content.Size() >= 4096 && off%4096 != 0 {
			t.Errorf("%s starts at %d, not at a whole page", f.Path, off)
		}
	}
}

func fsck(t *testing.T, path string, v *fat.Volume) {
	out := run(t, "fsck.vfat", "-n", "-v", path)

	for _, bad := range []string{"differs", "Dirty", "wrong", "Orphan", "error", "Free cluster summary", "reclaimed"} {
		if strings.Contains(out, bad) {
			t.Errorf("fsck.vfat says %q:\n%s", bad, out)
		}
	}

	if want := fmt.Sprintf("%d/%d clusters", v.Clusters-v.FreeClusters, v.Clusters); !strings.Contains(out, want) {
		t.Errorf("fsck.vfat does not say %q:\n%s", want, out)
	}
}

func mtools(t *testing.T, path string, files []fat.File) {
	for _, f := range files {
		if f.Dir {
			continue
		}

		out := filepath.Join(t.TempDir(), "copy")
		run(t, "mcopy", "-n", "-i", path, "::/"+f.Path, out)

		got, err := os.ReadFile(out)
		want, _ := f.Content.Slice(0, 1<<30).Bytes(1 << 30)

		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("mcopy read something else from %s (%v)", f.Path, err)
		}
	}
}

func TestGoldenLayout(t *testing.T) {
	var got strings.Builder

	for _, tt := range volumes {
		v, err := fat.New(sampleFiles(), tt.o)
		if err != nil {
			t.Fatal(err)
		}

		fmt.Fprintf(&got, "%s: %s, sectors %d, clusters %d of %d, free %d\n",
			tt.name, v.Type, v.SectorSize, v.Clusters, v.ClusterSize, v.FreeClusters)

		if err := v.List.Dump(&got); err != nil {
			t.Fatal(err)
		}
	}

	golden.Equal(t, "testdata/layout.golden", got.String())
}

func TestSameBytesTwice(t *testing.T) {
	files := sampleFiles()
	reversed := make([]fat.File, len(files))

	for i, f := range files {
		reversed[len(files)-1-i] = f
	}

	var sums []string

	for i, in := range [][]fat.File{files, reversed} {
		t.Setenv("TZ", []string{"Asia/Kolkata", "America/New_York"}[i])

		v, err := fat.New(in, fat.Options{Label: "AKMON"})
		if err != nil {
			t.Fatal(err)
		}

		b, err := v.List.Bytes(1 << 30)
		if err != nil {
			t.Fatal(err)
		}

		sums = append(sums, string(b))
	}

	if sums[0] != sums[1] {
		t.Error("the order of the files changes the bytes")
	}
}

// TestEveryTypeLimit goes over the counts at which the type changes: what is
// written must be what every reader takes it for.
func TestEveryTypeLimit(t *testing.T) {
	for clusters := 4060; clusters < 4130; clusters++ {
		checkSize(t, int64(clusters)*512+40<<10)
	}

	for clusters := 65490; clusters < 65620; clusters += 3 {
		checkSize(t, int64(clusters)*512+550<<10)
	}
}

func checkSize(t *testing.T, size int64) {
	t.Helper()

	v, err := fat.New([]fat.File{{Path: "x", Content: text("x")}}, fat.Options{Size: size / 512 * 512})
	if err != nil {
		t.Errorf("%d bytes: %v", size, err)
		return
	}

	fs, err := fat.Open(v.List, v.List.Size())
	if err != nil || fs.Type != v.Type || fs.Clusters != v.Clusters {
		t.Errorf("%d bytes: written as %s with %d, read as %+v, %v", size, v.Type, v.Clusters, fs, err)
	}
}

func TestManyNamesInOneDirectory(t *testing.T) {
	var files []fat.File
	for i := range 1500 {
		files = append(files, fat.File{Path: fmt.Sprintf("dir/some long name %04d.text", i), Content: text(fmt.Sprint(i))})
	}

	for _, typ := range []fat.Type{fat.FAT16, fat.FAT32} {
		v, err := fat.New(files, fat.Options{Type: typ})
		if err != nil {
			t.Fatal(err)
		}

		path := write(t, v)
		checkContent(t, v, files[1490:])
		t.Run(typ.String(), func(t *testing.T) { fsck(t, path, v) })
	}
}

func TestFileOf4GiB(t *testing.T) {
	big := &extent.List{}
	big.AppendZeros(math.MaxUint32)

	v, err := fat.New([]fat.File{{Path: "big", Content: big}}, fat.Options{})
	if err != nil || v.Type != fat.FAT32 {
		t.Fatalf("%v, %v", v, err)
	}

	big.AppendZeros(1)

	if _, err := fat.New([]fat.File{{Path: "big", Content: big}}, fat.Options{}); err == nil {
		t.Error("4 GiB are accepted")
	}
}

func TestErrors(t *testing.T) {
	one := []fat.File{{Path: "a", Content: pattern(100_000, 1)}}

	for _, tt := range []struct {
		name  string
		files []fat.File
		o     fat.Options
		want  string
	}{
		{"too small", one, fat.Options{Size: 64 << 10}, "too small"},
		{"odd size", one, fat.Options{Size: 100_001}, "multiple of the sector size"},
		{"sector size", one, fat.Options{SectorSize: 1024}, "not 512 or 4096"},
		{"cluster size", one, fat.Options{ClusterSize: 1000}, "power of two"},
		{"type", one, fat.Options{Type: 17}, "no FAT17"},
		{"small FAT32", one, fat.Options{Type: fat.FAT32, Size: 1 << 20}, "FAT32"},
		{"large FAT12", one, fat.Options{Type: fat.FAT12, Size: 1 << 30}, "FAT12"},
		{"label", one, fat.Options{Label: "longer than eleven"}, "longer than 11"},
		{"label character", one, fat.Options{Label: "a/b"}, `'/'`},
		{"twice", append(one, fat.File{Path: "/a"}), fat.Options{}, "given twice"},
		{"case", append(one, fat.File{Path: "A"}), fat.Options{}, "same name"},
		{"file as directory", append(one, fat.File{Path: "a/b"}), fat.Options{}, "file and a directory"},
		{"root", []fat.File{{Path: "/"}}, fat.Options{}, "root directory"},
		{"character", []fat.File{{Path: "a:b"}}, fat.Options{}, `':'`},
		{"newline", []fat.File{{Path: "a\nb"}}, fat.Options{}, "does not allow"},
		{"trailing dot", []fat.File{{Path: "a."}}, fat.Options{}, "ends in a dot"},
		{"long", []fat.File{{Path: strings.Repeat("x", 256)}}, fat.Options{}, "longer than 255"},
		{"directory with content", []fat.File{{Path: "d", Dir: true, Content: text("x")}}, fat.Options{}, "can't have content"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fat.New(tt.files, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}

	if _, err := fat.New(one, fat.Options{Size: 64 << 10}); !errors.Is(err, fat.ErrTooSmall) {
		t.Errorf("%v is not ErrTooSmall", err)
	}
}

// TestForeignVolumes reads what mkfs.vfat and mtools write.
func TestForeignVolumes(t *testing.T) {
	for _, args := range [][]string{{"-F12", "1440"}, {"-F16", "20000"}, {"-F32", "70000"}, {"-F32", "-S4096", "300000"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "volume")
			run(t, "mkfs.vfat", append([]string{"-n", "OTHER", "-C"}, append(args[:len(args)-1:len(args)-1], path, args[len(args)-1])...)...)

			src := filepath.Join(t.TempDir(), "a file with a long name")
			want, _ := pattern(100_000, 9).Bytes(1 << 20)

			if err := os.WriteFile(src, want, 0o600); err != nil {
				t.Fatal(err)
			}

			run(t, "mmd", "-i", path, "::/Sub Dir")
			run(t, "mcopy", "-i", path, src, "::/Sub Dir")

			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()

			st, _ := f.Stat()

			fs, err := fat.Open(f, st.Size())
			if err != nil {
				t.Fatal(err)
			}

			e, err := fs.Find("sub dir/A FILE WITH A LONG NAME")
			if err != nil {
				t.Fatal(err)
			}

			l, err := fs.Content(e)
			if err != nil {
				t.Fatal(err)
			}

			if got, err := l.Bytes(1 << 20); err != nil || !bytes.Equal(got, want) || fs.Label != "OTHER" {
				t.Errorf("content differs (%v), label %q", err, fs.Label)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	for _, o := range []fat.Options{{}, {Type: fat.FAT16, Label: "X"}} {
		v, err := fat.New([]fat.File{
			{Path: "a long name.txt", Content: text("hello")}, {Path: "d/e", Content: pattern(5000, 3)},
		}, o)
		if err != nil {
			f.Fatal(err)
		}

		b, err := v.List.Slice(0, 64<<10).Bytes(1 << 20)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(b)
	}

	f.Fuzz(func(_ *testing.T, b []byte) {
		fs, err := fat.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		entries, err := fs.Entries()
		if err != nil {
			return
		}

		for _, e := range entries {
			if l, err := fs.Content(e); err == nil && !e.Dir {
				_, _ = l.WriteTo(&bytes.Buffer{})
			}
		}
	})
}
