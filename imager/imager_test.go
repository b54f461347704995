package imager_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/internal/golden"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/fat"
	"github.com/akmon-os/akmon/media/iso9660"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/media/pe/petest"
	"github.com/akmon-os/akmon/schemas/profile"
)

// initramfs is large enough that the boot image needs no sector count.
var initramfs = bytes.Repeat([]byte("initramfs\n"), 4<<20)

// installer makes a directory with an installer's files.
func installer(t testing.TB, arches ...pe.Machine) string {
	t.Helper()

	root := t.TempDir()

	for _, m := range arches {
		dir := filepath.Join(root, assets.InstallDir, m.String())
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}

		for name, b := range map[string][]byte{
			assets.Kernel:    petest.Kernel(m, "6.12.94-akmon", 100_000),
			assets.Initramfs: initramfs,
			assets.Stub:      petest.Image(m, petest.Section{Name: ".text", Data: []byte("stub")}, petest.Section{Name: ".sbat", Data: []byte("sbat")}),
			assets.Boot:      petest.Image(m, petest.Section{Name: ".text", Data: []byte("boot loader")}),
			assets.OSRelease: []byte("ID=akmon\nVERSION_ID=\"v0.1.0\"\n"),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}

	return root
}

func base(t testing.TB, name, arch string) *profile.Profile {
	t.Helper()

	p, err := profile.Base(name)
	if err != nil {
		t.Fatal(err)
	}

	p.Arch = arch

	return p
}

func lay(t testing.TB, p *profile.Profile, o imager.Options) *imager.Asset {
	t.Helper()

	a, err := imager.Lay(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(a.Close)

	return a
}

func TestISO(t *testing.T) {
	for _, tt := range []struct {
		machine  pe.Machine
		boot     string
		consoles string
	}{
		{pe.AMD64, "EFI/BOOT/BOOTX64.EFI", "console=tty0"},
		{pe.ARM64, "EFI/BOOT/BOOTAA64.EFI", "console=ttyAMA0 console=tty0"},
	} {
		t.Run(tt.machine.String(), func(t *testing.T) {
			dir := installer(t, pe.AMD64, pe.ARM64)
			out := filepath.Join(t.TempDir(), "new", "_out")

			p := base(t, "iso", tt.machine.String())
			p.Customization.ExtraKernelArgs = []string{"quiet", "-pti"}

			r, err := imager.Render(t.Context(), p, imager.Options{Installer: dir, OutputDir: out})
			if err != nil {
				t.Fatal(err)
			}

			if want := filepath.Join(out, "metal-"+p.Arch+".iso"); r.Path != want || r.Version != "v0.1.0" || r.Installer != dir {
				t.Errorf("%+v", r)
			}

			cmdline := "talos.platform=metal " + tt.consoles + " init_on_alloc=1 slab_nomerge consoleblank=0 " +
				"nvme_core.io_timeout=4294967295 printk.devkmsg=on proc_mem.force_override=never quiet"
			if r.Cmdline != cmdline {
				t.Errorf("command line %q, want %q", r.Cmdline, cmdline)
			}

			checkISO(t, r, tt.boot)
		})
	}
}

// checkISO opens ISO, FAT volume and UKI one inside the other.
func checkISO(t *testing.T, r imager.Result, boot string) {
	t.Helper()

	f, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	st, err := f.Stat()
	if err != nil || st.Size() != r.Size {
		t.Fatalf("%d bytes, want %d (%v)", st.Size(), r.Size, err)
	}

	iso, err := iso9660.Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}

	if iso.VolumeID != "AKMON_V0_1_0" || len(iso.Boot) != 1 || iso.Boot[0].Platform != iso9660.UEFI || iso.Boot[0].Sectors != 0 {
		t.Errorf("%+v", iso)
	}

	image, err := iso.BootImage(0)
	if err != nil || image.Size() != r.BootImage.Size || iso.Boot[0].Offset != r.BootImage.Offset {
		t.Fatalf("the boot image is %d bytes at %d, want %+v (%v)", image.Size(), iso.Boot[0].Offset, r.BootImage, err)
	}

	esp, err := fat.Open(image, image.Size())
	if err != nil {
		t.Fatal(err)
	}

	e, err := esp.Find(boot)
	if err != nil {
		t.Fatal(err)
	}

	uki, err := esp.Content(e)
	if err != nil {
		t.Fatal(err)
	}

	img, err := pe.Parse(uki, uki.Size())
	if err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]string{".cmdline": r.Cmdline, ".initrd": string(initramfs), ".osrel": "ID=akmon\nVERSION_ID=\"v0.1.0\"\n"} {
		if got, err := img.ReadSection(name, 1<<30); err != nil || string(got) != want {
			t.Errorf("section %s has %d bytes, want %d (%v)", name, len(got), len(want), err)
		}
	}

	// The same file in the ISO's own tree.
	entries, err := iso.Entries()
	if err != nil {
		t.Fatal(err)
	}

	last := entries[len(entries)-1]
	a, _ := uki.Bytes(1 << 30)
	b, _ := iso.Content(last).Bytes(1 << 30)

	if last.Path != boot || !bytes.Equal(a, b) {
		t.Errorf("%s in the ISO's tree is not the one in the boot image", last.Path)
	}
}

// TestThirdParties extracts the UKI with xorriso, and with mtools from the
// boot image, and compares.
func TestThirdParties(t *testing.T) {
	for _, tool := range []string{"xorriso", "mcopy", "fsck.vfat"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}

	dir := t.TempDir()

	r, err := imager.Render(t.Context(), base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64), OutputDir: dir})
	if err != nil {
		t.Fatal(err)
	}

	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}

	run("xorriso", "-abort_on", "WARNING", "-osirrox", "on", "-indev", r.Path, "-extract", "/EFI/BOOT/BOOTX64.EFI", "from-iso")

	f, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	esp := &extent.List{}
	esp.AppendRange(f, r.BootImage.Offset, r.BootImage.Size)

	if err := extent.WriteFileAtomic(filepath.Join(dir, "esp"), esp, 0o600); err != nil {
		t.Fatal(err)
	}

	run("fsck.vfat", "-n", "esp")
	run("mcopy", "-n", "-i", "esp", "::/EFI/BOOT/BOOTX64.EFI", "from-esp")

	a, _ := os.ReadFile(filepath.Join(dir, "from-iso"))
	b, err := os.ReadFile(filepath.Join(dir, "from-esp"))

	if err != nil || len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes differ (%v)", len(a), len(b), err)
	}
}

func TestGoldenLayout(t *testing.T) {
	a := lay(t, base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64)})

	var got strings.Builder
	if err := a.List.Dump(&got); err != nil {
		t.Fatal(err)
	}

	golden.Equal(t, "testdata/iso.golden", got.String())
}

func TestOtherKinds(t *testing.T) {
	dir := installer(t, pe.AMD64)

	for _, tt := range []struct{ kind, name, stem, stemName, content string }{
		{"kernel", "kernel-amd64", "akmon-amd64", "kernel-amd64", string(petest.Kernel(pe.AMD64, "6.12.94-akmon", 100_000))},
		{"initramfs", "initramfs-metal-amd64.xz", "akmon-amd64", "initramfs-akmon-amd64.xz", string(initramfs)},
		{
			"cmdline", "cmdline-metal-amd64", "akmon-amd64", "cmdline-akmon-amd64",
			"talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 " +
				"nvme_core.io_timeout=4294967295 printk.devkmsg=on proc_mem.force_override=never",
		},
		{"uki", "metal-amd64-uki.efi", "akmon-amd64", "akmon-amd64-uki.efi", ""},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			a := lay(t, base(t, tt.kind, "amd64"), imager.Options{Installer: dir})
			if a.Name != tt.name {
				t.Errorf("the name is %s, want %s", a.Name, tt.name)
			}

			if got, err := a.List.Bytes(1 << 30); tt.content != "" && (err != nil || string(got) != tt.content) {
				t.Errorf("the content differs (%v)", err)
			}

			if b := lay(t, base(t, tt.kind, "amd64"), imager.Options{Installer: dir, Stem: tt.stem}); b.Name != tt.stemName {
				t.Errorf("the name is %s, want %s", b.Name, tt.stemName)
			}
		})
	}
}

func TestOwnKernel(t *testing.T) {
	own := filepath.Join(t.TempDir(), "my-kernel")
	if err := os.WriteFile(own, petest.Kernel(pe.AMD64, "6.13.0-mine", 5000), 0o600); err != nil {
		t.Fatal(err)
	}

	p := base(t, "uki", "amd64")
	p.Input.Kernel.Path = own
	p.Input.Initramfs.Path = "/usr/install/amd64/initramfs.xz" // the documented default: the installer's

	if a := lay(t, p, imager.Options{Installer: installer(t, pe.AMD64)}); a.Result.Kernel != "6.13.0-mine" {
		t.Errorf("%+v", a.Result)
	}
}

// TestSameBytes renders twice, in two places, time zones and ways.
func TestSameBytes(t *testing.T) {
	var all [][]byte

	for i, tz := range []string{"Asia/Kolkata", "America/New_York"} {
		t.Setenv("TZ", tz)

		o := imager.Options{Installer: installer(t, pe.AMD64), OutputDir: t.TempDir()}
		if i == 1 {
			o.Time = time.Time{}.In(time.FixedZone("elsewhere", 3600))
		}

		r, err := imager.Render(t.Context(), base(t, "iso", "amd64"), o)
		if err != nil {
			t.Fatal(err)
		}

		b, err := os.ReadFile(r.Path)
		if err != nil {
			t.Fatal(err)
		}

		all = append(all, b)
	}

	var tgz bytes.Buffer
	if _, err := lay(t, base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64)}).WriteTar(t.Context(), &tgz); err != nil {
		t.Fatal(err)
	}

	zr, err := gzip.NewReader(&tgz)
	if err != nil {
		t.Fatal(err)
	}

	tr := tar.NewReader(zr)

	h, err := tr.Next()
	if err != nil || h.Name != "metal-amd64.iso" || !h.ModTime.Equal(time.Unix(0, 0)) {
		t.Fatalf("%+v, %v", h, err)
	}

	b, err := io.ReadAll(tr)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(all[0], all[1]) || !bytes.Equal(all[0], b) {
		t.Error("the same inputs gave different bytes")
	}
}

// firstWrite tells when the first bytes arrive.
type firstWrite struct{ n int }

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.n == 0 {
		w.n = len(p)
	}

	return len(p), nil
}

func TestTarStartsAtOnce(t *testing.T) {
	var w firstWrite
	if _, err := lay(t, base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64)}).WriteTar(t.Context(), &w); err != nil {
		t.Fatal(err)
	}

	if w.n > 4096 {
		t.Errorf("the first write has %d bytes: something was gathered first", w.n)
	}
}

func TestErrors(t *testing.T) {
	dir := installer(t, pe.AMD64)

	swapped := installer(t, pe.AMD64, pe.ARM64)
	if err := os.Rename(filepath.Join(swapped, assets.InstallDir, "arm64", assets.Kernel),
		filepath.Join(swapped, assets.InstallDir, "amd64", assets.Kernel)); err != nil {
		t.Fatal(err)
	}

	plain := installer(t, pe.AMD64)
	if err := os.WriteFile(filepath.Join(plain, assets.InstallDir, "amd64", assets.Kernel), make([]byte, 9999), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name, base, arch, installer string
		change                      func(p *profile.Profile)
		want                        string
	}{
		{"no installer", "iso", "amd64", "", nil, "no installer is named"},
		{"other architecture", "iso", "arm64", dir, nil, "no files for arm64, only for amd64"},
		{"unknown architecture", "iso", "riscv64", dir, nil, "not an architecture"},
		{"kernel of another architecture", "iso", "amd64", swapped, nil, "the kernel is for arm64, not for amd64"},
		{"kernel without EFI stub", "kernel", "amd64", plain, nil, "no EFI stub"},
		{"newline", "iso", "amd64", dir, func(p *profile.Profile) { p.Customization.ExtraKernelArgs = []string{"a\nb"} }, "line break"},
		{"long command line", "iso", "amd64", dir, func(p *profile.Profile) {
			p.Customization.ExtraKernelArgs = []string{strings.Repeat("x", 2048)}
		}, "the kernel reads 2047"},
		{"arguments in a kernel", "kernel", "amd64", dir, func(p *profile.Profile) { p.Customization.ExtraKernelArgs = []string{"a"} }, "can't be in"},
		{"installer image", "installer", "amd64", dir, nil, `kind "installer" is not supported yet`},
		{"SecureBoot", "secureboot-iso", "amd64", dir, nil, "secureboot: true is not supported yet"},
		{"extensions", "iso", "amd64", dir, func(p *profile.Profile) {
			p.Input.SystemExtensions = []profile.ContainerAsset{{ImageRef: "x"}}
		}, "systemExtensions is not supported yet"},
		{"META", "iso", "amd64", dir, func(p *profile.Profile) {
			p.Customization.MetaContents = []profile.MetaValue{{Key: 10, Value: "x"}}
		}, "metaContents is not supported yet"},
		{"missing own kernel", "iso", "amd64", dir, func(p *profile.Profile) { p.Input.Kernel.Path = "/nowhere/vmlinuz" }, "/nowhere/vmlinuz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := base(t, tt.base, tt.arch)
			if tt.change != nil {
				tt.change(p)
			}

			parent := t.TempDir()

			_, err := imager.Render(t.Context(), p, imager.Options{Installer: tt.installer, OutputDir: filepath.Join(parent, "a", "b")})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}

			if entries, _ := os.ReadDir(parent); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestUnsupportedKeyHasPosition(t *testing.T) {
	p, err := profile.Load("p.yaml", []byte("baseProfileName: iso\narch: amd64\ninput:\n  sdBoot:\n    path: /my/boot.efi\n  dtb:\n    path: /x\n"))
	if err != nil {
		t.Fatal(err)
	}

	want := "p.yaml:5:5: sdBoot is for disk images: other assets have no boot loader but the stub\n    5 |     path: /my/boot.efi\n      |     ^\n" +
		"p.yaml:7:5: dtb is not supported yet\n    7 |     path: /x\n      |     ^"
	if err := imager.Check(p); err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	dir := t.TempDir()
	if _, err := imager.Render(ctx, base(t, "iso", "amd64"), imager.Options{Installer: installer(t, pe.AMD64), OutputDir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}

	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}
