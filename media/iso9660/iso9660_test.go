package iso9660_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/internal/golden"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/iso9660"
)

func pattern(n int, seed byte) *extent.List {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>9) ^ byte(i)*seed | 1
	}

	return extent.FromBytes(b)
}

func text(s string) *extent.List { return extent.FromBytes([]byte(s)) }

// sample has a small BIOS image, a UEFI image above 32 MiB, and a file inside
// the latter.
func sample() ([]iso9660.File, iso9660.Options) {
	efi := pattern(8192, 3)
	efi.AppendZeros(40 << 20)

	files := []iso9660.File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Shared: &iso9660.Shared{Boot: 1, Offset: 4096, Size: 3000}},
		{Path: "boot/vmlinuz", Content: pattern(5000, 5), Mode: 0o755},
		{Path: "boot/initramfs.xz", Content: pattern(70_001, 7)},
		{Path: "boot/a name that is far too long for ISO 9660.configuration", Content: text("long")},
		{Path: "boot/a name that is far too long for ISO 9660, twice.conf", Content: text("longer")},
		{Path: "README", Content: text("read me\n"), ModTime: time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC)},
		{Path: "empty", Content: nil},
		{Path: "nothing here", Dir: true},
		{Path: "a/b/c/d/e/f/g/h", Content: text("deep")},
	}

	for i := range 60 {
		files = append(files, iso9660.File{Path: fmt.Sprintf("many/file number %02d", i), Content: text(fmt.Sprint(i))})
	}

	return files, iso9660.Options{
		VolumeID: "akmon v0.1.0", Publisher: "Akmon", Application: "test",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Boot: []iso9660.Boot{{Platform: iso9660.BIOS, Content: pattern(2048, 11), Sectors: 4}, {Platform: iso9660.UEFI, Content: efi}},
	}
}

func build(t testing.TB) (*iso9660.Image, []iso9660.File, iso9660.Options) {
	t.Helper()

	files, o := sample()

	img, err := iso9660.New(files, o)
	if err != nil {
		t.Fatal(err)
	}

	return img, files, o
}

// write puts the image over noise, so that a byte that was forgotten shows.
func write(t *testing.T, l *extent.List) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "image.iso")
	if err := os.WriteFile(path, bytes.Repeat([]byte("NOISE!!!"), int(l.Size()/8)), 0o600); err != nil {
		t.Fatal(err)
	}

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	if err := l.WriteFile(f, 0); err != nil {
		t.Fatal(err)
	}

	return path
}

func run(t *testing.T, tool string, args ...string) string {
	t.Helper()

	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s is not installed", tool)
	}

	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")

	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}

	return string(out)
}

// content is what a file of the sample should hold.
func content(t *testing.T, f *iso9660.File, o *iso9660.Options) []byte {
	t.Helper()

	l := f.Content
	if s := f.Shared; s != nil {
		l = o.Boot[s.Boot].Content.Slice(s.Offset, s.Size)
	}

	if l == nil {
		return []byte{}
	}

	b, err := l.Bytes(1 << 30)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func TestReadBack(t *testing.T) {
	img, files, o := build(t)

	fs, err := iso9660.Open(img.List, img.List.Size())
	if err != nil {
		t.Fatal(err)
	}

	if fs.VolumeID != "AKMON_V0_1_0" || fs.Size != img.List.Size() || fs.Publisher != "Akmon" {
		t.Errorf("%+v", fs)
	}

	want := []iso9660.BootEntry{
		{Platform: iso9660.BIOS, Offset: img.Boot[0].Offset, Sectors: 4},
		{Platform: iso9660.UEFI, Offset: img.Boot[1].Offset, Sectors: 0},
	}
	if d := cmp.Diff(want, fs.Boot); d != "" {
		t.Error(d)
	}

	// The UEFI image is the last thing, since its size can't be given.
	if boot, err := fs.BootImage(1); err != nil || boot.Size() != o.Boot[1].Content.Size() {
		t.Errorf("the UEFI image has %d bytes, want %d (%v)", boot.Size(), o.Boot[1].Content.Size(), err)
	}

	entries, err := fs.Entries()
	if err != nil {
		t.Fatal(err)
	}

	byPath := map[string]iso9660.Entry{}
	for _, e := range entries {
		byPath[e.Path] = e
	}

	for _, f := range files {
		e, ok := byPath[f.Path]
		if !ok || e.Dir != f.Dir {
			t.Errorf("%s: %+v", f.Path, e)
			continue
		}

		if f.Mode != 0 && e.Mode != f.Mode {
			t.Errorf("%s has the mode %o", f.Path, e.Mode)
		}

		if !f.ModTime.IsZero() && !e.ModTime.Equal(f.ModTime) {
			t.Errorf("%s has the time %s", f.Path, e.ModTime)
		}

		if f.Dir {
			continue
		}

		got, err := fs.Content(e).Bytes(1 << 30)
		if err != nil || !bytes.Equal(got, content(t, &f, &o)) {
			t.Errorf("%s has other content (%v)", f.Path, err)
		}
	}

	for i, b := range img.Boot {
		if b.Offset%4096 != 0 {
			t.Errorf("boot image %d starts at %d", i, b.Offset)
		}
	}
}

func TestXorriso(t *testing.T) {
	img, files, o := build(t)
	path := write(t, img.List)

	out := run(t, "xorriso", "-abort_on", "SORRY", "-indev", path, "-report_el_torito", "plain", "-pvd_info")
	for _, want := range []string{
		"El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4",
		"El Torito boot img :   2  UEFI  y   none  0x0000  0x00      0",
		"Volume Id    : AKMON_V0_1_0", "Publisher Id : Akmon", "Creation Time: 2026010203040500",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("xorriso does not say %q:\n%s", want, out)
		}
	}

	dir := filepath.Join(t.TempDir(), "out")
	run(t, "xorriso", "-osirrox", "on", "-indev", path, "-extract", "/", dir)

	for _, f := range files {
		if f.Dir {
			continue
		}

		got, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil || !bytes.Equal(got, content(t, &f, &o)) {
			t.Errorf("xorriso reads something else from %s (%v)", f.Path, err)
		}
	}
}

func TestIsoinfo(t *testing.T) {
	img, files, o := build(t)
	path := write(t, img.List)

	// Once with Rock Ridge names, once with the plain ones.
	list := run(t, "isoinfo", "-R", "-f", "-i", path)
	for _, f := range files {
		if !strings.Contains(list, "/"+f.Path+"\n") {
			t.Errorf("isoinfo does not list %s:\n%s", f.Path, list)
		}
	}

	plain := run(t, "isoinfo", "-f", "-i", path)
	for _, want := range []string{"/EFI/BOOT/BOOTX64.EFI;1", "/BOOT/A_NAME_T.CON;1", "/BOOT/A_NAM001.CON;1", "/README.;1"} {
		if !strings.Contains(plain, want+"\n") {
			t.Errorf("isoinfo does not list %s:\n%s", want, plain)
		}
	}

	if got := run(t, "isoinfo", "-i", path, "-x", "/BOOT/VMLINUZ.;1"); got != string(content(t, &files[1], &o)) {
		t.Error("isoinfo reads something else from vmlinuz")
	}
}

// TestKernelMount is the strictest reader of Rock Ridge.
func TestKernelMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}

	img, files, o := build(t)
	path, dir := write(t, img.List), t.TempDir()

	if out, err := exec.Command("mount", "-t", "iso9660", "-o", "loop,ro", path, dir).CombinedOutput(); err != nil {
		t.Skipf("this kernel does not mount it: %v %s", err, out)
	}

	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	}()

	for _, f := range files {
		if f.Dir {
			continue
		}

		got, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil || !bytes.Equal(got, content(t, &f, &o)) {
			t.Errorf("the kernel reads something else from %s (%v)", f.Path, err)
		}
	}
}

func TestGoldenLayout(t *testing.T) {
	img, _, _ := build(t)

	var got strings.Builder
	if err := img.List.Dump(&got); err != nil {
		t.Fatal(err)
	}

	golden.Equal(t, "testdata/layout.golden", got.String())
}

func TestSameBytesTwice(t *testing.T) {
	files, o := sample()

	a, err := iso9660.New(files, o)
	if err != nil {
		t.Fatal(err)
	}

	for i := range len(files) / 2 {
		files[i], files[len(files)-1-i] = files[len(files)-1-i], files[i]
	}

	t.Setenv("TZ", "Asia/Kolkata")

	o.Time = o.Time.In(time.FixedZone("elsewhere", 5*3600))

	b, err := iso9660.New(files, o)
	if err != nil {
		t.Fatal(err)
	}

	x, _ := a.List.Bytes(1 << 30)
	y, _ := b.List.Bytes(1 << 30)

	if !bytes.Equal(x, y) {
		t.Error("the order of the files or the time zone changes the bytes")
	}
}

func TestLargeFile(t *testing.T) {
	big := &extent.List{}
	big.AppendZeros(9 << 30)
	big.AppendBytes([]byte("end"))

	img, err := iso9660.New([]iso9660.File{{Path: "big", Content: big}, {Path: "z", Content: text("z")}}, iso9660.Options{})
	if err != nil {
		t.Fatal(err)
	}

	fs, err := iso9660.Open(img.List, img.List.Size())
	if err != nil {
		t.Fatal(err)
	}

	entries, err := fs.Entries()
	if err != nil || len(entries) != 2 || entries[0].Size != big.Size() || len(entries[0].Sections) != 3 {
		t.Fatalf("%+v, %v", entries, err)
	}

	if tail, err := fs.Content(entries[0]).Slice(9<<30, 10).Bytes(10); err != nil || string(tail) != "end" {
		t.Errorf("it ends in %q (%v)", tail, err)
	}

	path := filepath.Join(t.TempDir(), "big.iso")
	if err := extent.WriteFileAtomic(path, img.List, 0o600); err != nil {
		t.Skip("no room for a sparse file of 9 GiB:", err)
	}

	if out := run(t, "xorriso", "-indev", path, "-find", "/", "-name", "big", "-exec", "lsdl", "--"); !strings.Contains(out, fmt.Sprint(big.Size())) {
		t.Errorf("xorriso sees another size:\n%s", out)
	}
}

func TestWithSystemArea(t *testing.T) {
	img, _, _ := build(t)

	l, err := img.WithSystemArea([]byte("partition table"))
	if err != nil || l.Size() != img.List.Size() {
		t.Fatalf("%v, %v", l, err)
	}

	if b, _ := l.Slice(0, 15).Bytes(15); string(b) != "partition table" {
		t.Errorf("it starts with %q", b)
	}

	if _, err := iso9660.Open(l, l.Size()); err != nil {
		t.Error(err)
	}

	if _, err := img.WithSystemArea(make([]byte, 32769)); err == nil {
		t.Error("a system area that is too long is accepted")
	}
}

func TestErrors(t *testing.T) {
	large := &extent.List{}
	large.AppendZeros(33 << 20)

	boot := []iso9660.Boot{{Platform: iso9660.UEFI, Content: text("efi")}}

	for _, tt := range []struct {
		name  string
		files []iso9660.File
		o     iso9660.Options
		want  string
	}{
		{"root", []iso9660.File{{Path: "."}}, iso9660.Options{}, "root directory"},
		{"too deep", []iso9660.File{{Path: "1/2/3/4/5/6/7/8/9"}}, iso9660.Options{}, "deeper than 8"},
		{"long name", []iso9660.File{{Path: strings.Repeat("x", 129)}}, iso9660.Options{}, "longer than 128"},
		{"twice", []iso9660.File{{Path: "a"}, {Path: "/a"}}, iso9660.Options{}, "given twice"},
		{"file as directory", []iso9660.File{{Path: "a"}, {Path: "a/b"}}, iso9660.Options{}, "file and a directory"},
		{"directory with content", []iso9660.File{{Path: "a", Dir: true, Content: text("x")}}, iso9660.Options{}, "can't have content"},
		{"no such boot image", []iso9660.File{{Path: "a", Shared: &iso9660.Shared{Boot: 1}}}, iso9660.Options{Boot: boot}, "no boot image 1"},
		{"outside the boot image", []iso9660.File{{Path: "a", Shared: &iso9660.Shared{Size: 9}}}, iso9660.Options{Boot: boot}, "not in boot image"},
		{"both", []iso9660.File{{Path: "a", Content: text("x"), Shared: &iso9660.Shared{}}}, iso9660.Options{Boot: boot}, "both"},
		{"empty boot image", nil, iso9660.Options{Boot: []iso9660.Boot{{}}}, "is empty"},
		{"large BIOS image", nil, iso9660.Options{Boot: []iso9660.Boot{{Content: large}}}, "larger than 32 MiB"},
		{
			"large UEFI image first", nil,
			iso9660.Options{Boot: []iso9660.Boot{{Platform: iso9660.UEFI, Content: large}, boot[0]}}, "must be the last",
		},
		{"too many boot images", nil, iso9660.Options{Boot: make([]iso9660.Boot, 40)}, "is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := iso9660.New(tt.files, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	img, err := iso9660.New([]iso9660.File{
		{Path: "some directory/with a file", Content: text("hello")}, {Path: "x", Dir: true},
	}, iso9660.Options{Boot: []iso9660.Boot{{Platform: iso9660.UEFI, Content: text("efi")}}})
	if err != nil {
		f.Fatal(err)
	}

	// Without the system area, which mutation would be wasted on.
	b, err := img.List.Slice(32<<10, img.List.Size()).Bytes(1 << 20)
	if err != nil {
		f.Fatal(err)
	}

	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		b = append(make([]byte, 32<<10), b...)

		fs, err := iso9660.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		for i := range fs.Boot {
			_, _ = fs.BootImage(i)
		}

		entries, err := fs.Entries()
		if err != nil {
			return
		}

		for _, e := range entries {
			_ = fs.Content(e)
		}
	})
}
