package installer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/fat"
	"github.com/akmon-os/akmon/media/gpt"
	"github.com/akmon-os/akmon/media/pe"
)

var (
	ctx      = context.Background()
	fileTime = time.Unix(1750000000, 0).UTC()
)

// program is the smallest EFI program that has a section: enough for what
// looks at headers, not to be run. Content tells one from another.
func program(m pe.Machine, content string) []byte {
	b := make([]byte, 0x400+0x200)
	le := binary.LittleEndian
	copy(b, "MZ")
	le.PutUint32(b[60:], 0x40)

	h := b[0x40:]
	copy(h, "PE\x00\x00")
	le.PutUint16(h[4:], uint16(m))
	le.PutUint16(h[6:], 1)    // sections
	le.PutUint16(h[20:], 240) // optional header

	o := h[24:]
	le.PutUint16(o, 0x20b)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 0x200)
	le.PutUint32(o[56:], 0x2000)
	le.PutUint32(o[60:], 0x400)
	le.PutUint16(o[68:], 10)
	le.PutUint32(o[108:], 16)

	s := o[240:]
	copy(s, ".text")
	le.PutUint32(s[8:], 0x200)
	le.PutUint32(s[12:], 0x1000)
	le.PutUint32(s[16:], 0x200)
	le.PutUint32(s[20:], 0x400)
	copy(b[0x400:], content)

	return b
}

// assetsDir writes the files of an installer image for amd64.
func assetsDir(t testing.TB) string {
	t.Helper()

	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "amd64"), 0o755); err != nil {
		t.Fatal(err)
	}

	for name, data := range map[string][]byte{
		KernelFile:     program(pe.AMD64, "kernel"),
		InitramfsFile:  bytes.Repeat([]byte("initramfs"), 100000),
		StubFile:       program(pe.AMD64, "stub"),
		BootLoaderFile: program(pe.AMD64, "boot loader"),
		OSReleaseFile:  []byte("ID=akmon\nVERSION_ID=v0.1.0\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, "amd64", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

func assets(t testing.TB) *Assets {
	t.Helper()

	a, err := OpenAssets(assetsDir(t), "amd64")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = a.Close() })

	return a
}

func layout(t testing.TB) Layout {
	t.Helper()

	return Layout{
		Arch: "amd64", Assets: assets(t), Cmdline: "talos.platform=metal console=ttyS0",
		Size: 1024 * mib, EFISize: 300 * mib, Time: fileTime,
	}
}

// smallLayout is a disk of smallSize, for tests that read or write all of it.
func smallLayout(t testing.TB) Layout {
	t.Helper()

	l := layout(t)
	l.FirstBoot, l.EFISize, l.Size = true, 40*mib, smallSize

	return l
}

const smallSize = 64 * mib

func install(t testing.TB, o Options) string {
	t.Helper()

	o.Disk = filepath.Join(t.TempDir(), "disk.raw")
	if err := Install(ctx, o); err != nil {
		t.Fatal(err)
	}

	return o.Disk
}

// run runs a checker, or skips when it is not installed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()

	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}

	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}

	return string(out)
}

func readDisk(t *testing.T, path string) (*gpt.Table, *fat.FS) {
	t.Helper()

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { f.Close() })

	whole, err := extent.FromFile(f)
	if err != nil {
		t.Fatal(err)
	}

	table, backup, err := gpt.Read(f, whole.Size())
	if err != nil || backup {
		t.Fatalf("partition table: backup %v, %v", backup, err)
	}

	part, _, _ := table.Find(EFI)
	esp := whole.Slice(table.Offset(part), table.Length(part))

	fs, err := fat.Open(esp, esp.Size())
	if err != nil {
		t.Fatal(err)
	}

	return table, fs
}

func TestInstallToNewFile(t *testing.T) {
	for _, sector := range []int64{512, 4096} {
		l := layout(t)
		l.SectorSize = sector
		table, esp := readDisk(t, install(t, Options{Layout: l}))

		type part struct {
			Name, Type   string
			Offset, Size int64
		}

		var got []part
		for _, p := range table.Partitions {
			got = append(got, part{p.Name, p.Type.String(), table.Offset(p) / mib, table.Length(p) / mib})
		}

		linux := gpt.LinuxFilesystem.String()
		if diff := cmp.Diff([]part{
			{"EFI", gpt.EFISystem.String(), 1, 300}, {"META", linux, 301, 1},
			{"STATE", linux, 302, 100}, {"EPHEMERAL", linux, 402, 621},
		}, got); diff != "" {
			t.Errorf("partitions (-want +got):\n%s", diff)
		}

		if table.SectorSize != sector {
			t.Errorf("sector size %d, want %d", table.SectorSize, sector)
		}

		if diff := cmp.Diff(program(pe.AMD64, "boot loader"), content(t, esp, "EFI/BOOT/BOOTX64.EFI")); diff != "" {
			t.Error("the boot loader is not what was installed")
		}

		uki := content(t, esp, "EFI/Linux/akmon-A.efi")

		img, err := pe.Parse(bytes.NewReader(uki), int64(len(uki)))
		if err != nil {
			t.Fatal(err)
		}

		for name, want := range map[string]string{
			".cmdline": l.Cmdline, ".osrel": string(l.Assets.OSRelease), ".initrd": strings.Repeat("initramfs", 100000),
		} {
			if got, err := img.ReadSection(name, mib); err != nil || string(got) != want {
				t.Errorf("section %s: %d bytes, %v", name, len(got), err)
			}
		}

		if conf := string(content(t, esp, "loader/loader.conf")); !strings.Contains(conf, "default akmon-A.efi\n") {
			t.Errorf("loader.conf:\n%s", conf)
		}
	}
}

func content(t *testing.T, fs *fat.FS, path string) []byte {
	t.Helper()

	e, err := fs.Find(path)
	if err != nil {
		t.Fatal(err)
	}

	list, err := fs.Content(e)
	if err != nil {
		t.Fatal(err)
	}

	data, err := list.Bytes(64 * mib)
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func TestCheckersAgree(t *testing.T) {
	l := smallLayout(t)
	disk := install(t, Options{Layout: l})

	if out := run(t, "sgdisk", "-v", disk); !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk:\n%s", out)
	}

	table, _ := readDisk(t, disk)
	part, _, _ := table.Find(EFI)

	data, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}

	esp := filepath.Join(t.TempDir(), "esp")
	if err := os.WriteFile(esp, data[table.Offset(part):][:table.Length(part)], 0o600); err != nil {
		t.Fatal(err)
	}

	run(t, "fsck.vfat", "-n", esp)

	if got := run(t, "mtype", "-i", esp, "::/EFI/BOOT/BOOTX64.EFI"); got != string(program(pe.AMD64, "boot loader")) {
		t.Error("mtools reads another boot loader")
	}

	if out := run(t, "mdir", "-b", "-/", "-i", esp, "::"); !strings.Contains(out, "::/EFI/Linux/akmon-A.efi") {
		t.Errorf("mdir:\n%s", out)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	l := smallLayout(t)

	first, err := os.ReadFile(install(t, Options{Layout: l}))
	if err != nil {
		t.Fatal(err)
	}

	// A disk that held something else ends up with the same bytes, too, once
	// it was zeroed.
	other := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(other, bytes.Repeat([]byte("noise"), smallSize/5+1)[:smallSize], 0o600); err != nil {
		t.Fatal(err)
	}

	if err := Install(ctx, Options{Layout: l, Disk: other, Force: true, Zero: true}); err != nil {
		t.Fatal(err)
	}

	second, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(first, second) {
		t.Error("the disks differ")
	}
}

func TestDifferentLayoutsHaveDifferentGUIDs(t *testing.T) {
	l := layout(t)

	first, err := New(l)
	if err != nil {
		t.Fatal(err)
	}

	l.Cmdline += " quiet"

	second, err := New(l)
	if err != nil {
		t.Fatal(err)
	}

	if first.Table.GUID == second.Table.GUID {
		t.Error("two layouts have the same disk GUID")
	}
}

func TestFirstBootLeavesPartitionsToTheMachine(t *testing.T) {
	l := layout(t)
	l.FirstBoot, l.Size = true, 0

	table, _ := readDisk(t, install(t, Options{Layout: l}))
	if len(table.Partitions) != 2 || table.Size() != 303*mib {
		t.Errorf("%d partitions on %d bytes", len(table.Partitions), table.Size())
	}
}

func TestInstallErrors(t *testing.T) {
	good := layout(t)
	dir := t.TempDir()

	arm := *good.Assets
	arm.Kernel = extent.FromBytes(program(pe.ARM64, "kernel"))

	script := *good.Assets
	script.BootLoader = extent.FromBytes([]byte("#!/bin/sh\n"))

	for name, test := range map[string]struct {
		change func(*Options)
		err    error
		want   string
	}{
		"small disk": {func(o *Options) { o.Layout.Size = 500 * mib }, ErrTooSmall, "it has 500 MiB, at least 915 MiB"},
		"small EFI":  {func(o *Options) { o.Layout.EFISize = 9 * mib }, ErrTooSmall, "two slots"},
		"odd EFI":    {func(o *Options) { o.Layout.EFISize++ }, nil, "not a multiple"},
		"arch":       {func(o *Options) { o.Layout.Arch = "mips" }, ErrAssets, `unknown architecture "mips"`},
		"other arch": {func(o *Options) { o.Layout.Assets = &arm }, ErrAssets, "vmlinuz is for"},
		"no program": {func(o *Options) { o.Layout.Assets = &script }, ErrAssets, "systemd-boot.efi is not an EFI program"},
		"no assets":  {func(o *Options) { o.Layout.Assets = nil }, ErrAssets, "not given"},
		"newline":    {func(o *Options) { o.Layout.Cmdline = "a\nb" }, nil, "line break"},
		"no disk":    {func(o *Options) { o.Layout.Size = 0 }, os.ErrNotExist, "open disk"},
		"directory":  {func(o *Options) { o.Disk = dir }, nil, "neither a block device nor a regular file"},
		"char dev":   {func(o *Options) { o.Disk = "/dev/null" }, nil, "neither a block device nor a regular file"},
		"no parent":  {func(o *Options) { o.Disk = filepath.Join(dir, "no", "disk") }, os.ErrNotExist, "disk"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Layout: good, Disk: filepath.Join(dir, "disk.raw")}
			test.change(&o)

			err := Install(ctx, o)
			if err == nil || (test.err != nil && !errors.Is(err, test.err)) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %v with %q", err, test.err, test.want)
			}

			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestExistingContentsAreKept(t *testing.T) {
	l := smallLayout(t)
	disk := install(t, Options{Layout: l})

	before, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}

	check := func(what, want string) {
		t.Helper()

		if err := Install(ctx, Options{Layout: l, Disk: disk}); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want ErrNotEmpty with %q", what, err, want)
		}
	}

	check("partitions", "1 EFI, 2 META")

	after, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(before, after) {
		t.Error("a refused installation changed the disk")
	}

	edit := func(at int64, data []byte) {
		t.Helper()

		f, err := os.OpenFile(disk, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()

		if _, err := f.WriteAt(data, at); err != nil {
			t.Fatal(err)
		}
	}

	edit(560, []byte{1})
	edit(smallSize-512+60, []byte{1})
	check("damaged table", "damaged partition table")

	edit(512, make([]byte, 512))
	edit(smallSize-512, make([]byte, 512))
	check("MBR", "DOS partition table")

	edit(0, make([]byte, 64<<10))
	edit(5000, []byte("ext4?"))
	check("data", "data in its first MiB")

	if err := Install(ctx, Options{Layout: l, Disk: disk, Force: true}); err != nil {
		t.Fatal(err)
	}

	readDisk(t, disk)
}

// A disk on which writing was cut off has no partition table at all.
func TestCancelledInstallLeavesNoTable(t *testing.T) {
	l := layout(t)
	disk := install(t, Options{Layout: l})

	for _, stop := range []string{"zeroing", "partition EFI", "partition EPHEMERAL"} {
		cancelled, cancel := context.WithCancel(ctx)

		err := Install(cancelled, Options{Layout: l, Disk: disk, Force: true, Zero: true, Log: func(format string, args ...any) {
			if strings.Contains(strings.ReplaceAll(format, "%s", "")+args0(args), strings.TrimPrefix(stop, "partition ")) {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: got %v", stop, err)
		}

		f, err := os.Open(disk)
		if err != nil {
			t.Fatal(err)
		}

		if _, _, err := gpt.Read(f, 1024*mib); !errors.Is(err, gpt.ErrNoTable) {
			t.Errorf("%s: got %v, want ErrNoTable", stop, err)
		}

		f.Close()
	}

	// A new file is not there at all.
	cancelled, cancel := context.WithCancel(ctx)
	cancel()

	dir := t.TempDir()
	if err := Install(cancelled, Options{Layout: l, Disk: filepath.Join(dir, "new")}); !errors.Is(err, context.Canceled) {
		t.Errorf("new file: %v", err)
	}

	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func args0(args []any) string {
	if len(args) == 0 {
		return ""
	}

	return args[0].(string)
}

func TestMissingAssets(t *testing.T) {
	dir := assetsDir(t)

	if _, err := OpenAssets(dir, "arm64"); !errors.Is(err, ErrAssets) || !strings.Contains(err.Error(), "but amd64") {
		t.Errorf("other architecture: %v", err)
	}

	if err := os.Remove(filepath.Join(dir, "amd64", StubFile)); err != nil {
		t.Fatal(err)
	}

	if _, err := OpenAssets(dir, "amd64"); !errors.Is(err, ErrAssets) || !strings.Contains(err.Error(), StubFile) {
		t.Errorf("missing file: %v", err)
	}
}
