package imager_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/media/gpt"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/schemas/profile"
)

// diskSize is large enough for two slots of the tests' system, in bytes.
const diskSize = 160 << 20

// imageProfile is a profile of a disk image that is small.
func imageProfile(t testing.TB, format profile.DiskFormat, out profile.OutFormat) *profile.Profile {
	t.Helper()

	p := base(t, "metal", "amd64")
	p.Output.OutFormat = out
	p.Output.ImageOptions = &profile.ImageOptions{DiskSize: diskSize, DiskFormat: format}

	return p
}

func render(t testing.TB, p *profile.Profile, installer string) imager.Result {
	t.Helper()

	r, err := imager.Render(t.Context(), p, imager.Options{Installer: installer, OutputDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}

	st, err := os.Stat(r.Path)
	if err != nil || st.Size() != r.Size {
		t.Errorf("%s has %d bytes, %d are said (%v)", r.Path, st.Size(), r.Size, err)
	}

	return r
}

// program skips the test if a program is missing.
func program(t *testing.T, names ...string) {
	t.Helper()

	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			t.Skip(n + " is not installed")
		}
	}
}

func run(t *testing.T, args ...string) []byte {
	t.Helper()

	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}

	return out
}

func TestRawDisk(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		t.Run(fmt.Sprint(sector), func(t *testing.T) {
			p := imageProfile(t, "raw", profile.Raw)
			p.Output.ImageOptions.SectorSize = sector
			p.Output.ImageOptions.DiskSize = 2 * diskSize // FAT32 has 65525 clusters at least

			r := render(t, p, installer(t, pe.AMD64))

			if r.Size != 2*diskSize || r.Disk == nil || r.Disk.SectorSize != int64(sector) || filepath.Base(r.Path) != "metal-amd64.raw" {
				t.Errorf("%+v", r)
			}

			f, err := os.Open(r.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()

			table, backup, err := gpt.Read(f, r.Size)
			if err != nil || backup || table.SectorSize != int64(sector) || len(table.Partitions) != 2 {
				t.Fatalf("%+v, %t, %v", table, backup, err)
			}

			program(t, "sgdisk", "fsck.vfat")

			if sector == 512 { // sgdisk takes a file's sectors for 512 bytes
				if out := run(t, "sgdisk", "-v", r.Path); !bytes.Contains(out, []byte("No problems found")) {
					t.Errorf("%s", out)
				}
			}

			esp := filepath.Join(t.TempDir(), "esp")
			part := table.Partitions[0]
			run(t, "dd", "status=none", "bs=1M", "if="+r.Path, "of="+esp,
				fmt.Sprintf("skip=%d", table.Offset(part)>>20), fmt.Sprintf("count=%d", table.Length(part)>>20))
			run(t, "fsck.vfat", "-n", esp)
		})
	}
}

// TestDiskFormats compares every format with the raw disk, as QEMU reads it.
func TestDiskFormats(t *testing.T) {
	program(t, "qemu-img")

	dir := installer(t, pe.AMD64)
	raw := render(t, imageProfile(t, "raw", profile.Raw), dir).Path

	for _, tt := range []struct {
		format  profile.DiskFormat
		options string
		qemu    string
		check   bool
		info    string
	}{
		{"qcow2", "", "qcow2", true, "cluster_size: 65536"},
		{"qcow2", "cluster_size=8k", "qcow2", true, "cluster_size: 8192"},
		{"qcow2", "compress", "qcow2", true, "compression type: zlib"},
		{"qcow2", "compression_type=zstd,cluster_size=128k", "qcow2", true, "compression type: zstd"},
		{"vhd", "subformat=fixed,force_size", "vpc", false, "167772160 bytes"},
		{"vhdx", "", "vhdx", true, "167772160 bytes"},
		{"vmdk", "subformat=streamOptimized", "vmdk", true, "create type: streamOptimized"},
	} {
		t.Run(string(tt.format)+" "+tt.options, func(t *testing.T) {
			p := imageProfile(t, tt.format, profile.Raw)
			p.Output.ImageOptions.DiskFormatOptions = tt.options
			r := render(t, p, dir)

			if filepath.Base(r.Path) != "metal-amd64."+string(tt.format) {
				t.Error(r.Path)
			}

			if tt.check {
				run(t, "qemu-img", "check", "-f", tt.qemu, r.Path)
			}

			run(t, "qemu-img", "compare", "-f", "raw", "-F", tt.qemu, raw, r.Path)

			if out := run(t, "qemu-img", "info", "-f", tt.qemu, r.Path); !bytes.Contains(out, []byte(tt.info)) {
				t.Errorf("%s", out)
			}
		})
	}

	t.Run("ova", func(t *testing.T) {
		dir2 := t.TempDir()
		run(t, "tar", "-C", dir2, "-xf", render(t, imageProfile(t, "ova", profile.Raw), dir).Path)
		run(t, "qemu-img", "compare", "-f", "raw", "-F", "vmdk", raw, filepath.Join(dir2, "metal-amd64.vmdk"))
	})
}

// TestWrapping unpacks with the programs of the formats and compares.
func TestWrapping(t *testing.T) {
	dir := installer(t, pe.AMD64)

	whole, err := os.ReadFile(render(t, imageProfile(t, "raw", profile.Raw), dir).Path)
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		out  profile.OutFormat
		args []string
	}{{profile.GZ, []string{"gzip", "-dc"}}, {profile.XZ, []string{"xz", "-dc"}}, {profile.ZST, []string{"zstd", "-dcq"}}, {profile.TarGZ, []string{"tar", "-xzOf"}}} {
		t.Run(string(tt.out), func(t *testing.T) {
			program(t, tt.args[0])

			r := render(t, imageProfile(t, "raw", tt.out), dir)
			if filepath.Base(r.Path) != "metal-amd64.raw"+string(tt.out) {
				t.Error(r.Path)
			}

			args := append(tt.args, r.Path)
			if tt.out == profile.TarGZ {
				args = append(args, "disk.raw")
			}

			out, err := exec.Command(args[0], args[1:]...).Output()
			if err != nil || !bytes.Equal(out, whole) {
				t.Errorf("%d bytes, want %d (%v)", len(out), len(whole), err)
			}
		})
	}

	// What is compressed inside is compressed outside, too.
	p := imageProfile(t, "vmdk", profile.ZST)
	if r := render(t, p, dir); filepath.Base(r.Path) != "metal-amd64.vmdk.zst" {
		t.Error(r.Path)
	}

	iso := base(t, "iso", "amd64")
	iso.Output.OutFormat = profile.XZ

	if r := render(t, iso, dir); filepath.Base(r.Path) != "metal-amd64.iso.xz" {
		t.Error(r.Path)
	}
}

// TestSameDisk renders twice, with other processors, in another time zone.
func TestSameDisk(t *testing.T) {
	for _, tt := range []struct {
		format profile.DiskFormat
		out    profile.OutFormat
	}{{"raw", profile.ZST}, {"qcow2", profile.GZ}, {"vhd", profile.XZ}, {"vhdx", profile.Raw}, {"ova", profile.Raw}, {"raw", profile.TarGZ}} {
		t.Run(string(tt.format)+string(tt.out), func(t *testing.T) {
			var sums [][32]byte

			for _, tz := range []string{"Asia/Kolkata", "America/New_York"} {
				t.Setenv("TZ", tz)

				b, err := os.ReadFile(render(t, imageProfile(t, tt.format, tt.out), installer(t, pe.AMD64)).Path)
				if err != nil {
					t.Fatal(err)
				}

				sums = append(sums, sha256.Sum256(b))
			}

			if sums[0] != sums[1] {
				t.Error("the same inputs, other bytes")
			}
		})
	}
}

// TestIdentity gives disks of different systems different identities.
func TestIdentity(t *testing.T) {
	guid := func(dir string) gpt.GUID {
		a := lay(t, imageProfile(t, "raw", profile.Raw), imager.Options{Installer: dir})

		table, _, err := gpt.Read(a.List, a.List.Size())
		if err != nil {
			t.Fatal(err)
		}

		return table.GUID
	}

	one, other := installer(t, pe.AMD64), installer(t, pe.AMD64)
	if guid(one) != guid(other) {
		t.Error("the same system has two identities")
	}

	file := filepath.Join(other, "usr/install/amd64/initramfs.xz")

	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	b[len(b)-1]++

	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}

	if guid(one) == guid(other) {
		t.Error("two systems have one identity")
	}
}

// TestDiskToStdout has --tar-to-stdout of what is known, and of what is not.
func TestDiskToStdout(t *testing.T) {
	dir := installer(t, pe.AMD64)

	for _, p := range []*profile.Profile{imageProfile(t, "qcow2", profile.Raw), imageProfile(t, "ova", profile.Raw), imageProfile(t, "raw", profile.ZST)} {
		want, err := os.ReadFile(render(t, p, dir).Path)
		if err != nil {
			t.Fatal(err)
		}

		tmp := t.TempDir()
		t.Setenv("TMPDIR", tmp)

		var b bytes.Buffer

		a := lay(t, p, imager.Options{Installer: dir})

		r, err := a.WriteTar(t.Context(), &b)
		if err != nil || r.Size != int64(len(want)) {
			t.Fatalf("%+v, %v", r, err)
		}

		file := filepath.Join(tmp, "x")
		if entries, _ := os.ReadDir(tmp); len(entries) > 0 {
			t.Errorf("left behind: %v", entries)
		}

		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}

		if got := run(t, "tar", "-xzOf", file, a.Name); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d", a.Name, len(got), len(want))
		}
	}
}

// closed is a pipe whose reader has gone.
type closed struct{ after int }

func (c *closed) Write(p []byte) (int, error) {
	if c.after -= len(p); c.after < 0 {
		return 0, io.ErrClosedPipe
	}

	return len(p), nil
}

func TestClosedPipe(t *testing.T) {
	a := lay(t, imageProfile(t, "raw", profile.Raw), imager.Options{Installer: installer(t, pe.AMD64)})

	_, err := a.WriteTar(t.Context(), &closed{100_000})
	if !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), "the reader went away") {
		t.Error(err)
	}
}

// TestBaseProfiles renders every documented base profile of a disk image.
func TestBaseProfiles(t *testing.T) {
	dir := installer(t, pe.AMD64)
	names := map[string]string{
		"metal": "metal-amd64.raw.zst", "metal-4k": "metal-amd64.raw.zst", "gcp": "gcp-amd64.raw.tar.gz", "aws": "aws-amd64.raw.zst",
		"azure": "azure-amd64.vhd.zst", "vmware": "vmware-amd64.ova", "nocloud": "nocloud-amd64.raw.zst", "openstack": "openstack-amd64.raw.zst",
		"oracle": "oracle-amd64.qcow2.zst", "digital-ocean": "digital-ocean-amd64.raw.gz", "akamai": "akamai-amd64.raw.gz",
		"alibabacloud": "alibabacloud-amd64.qcow2.zst", "exoscale": "exoscale-amd64.qcow2.zst",
	}

	for _, name := range profile.Names() {
		p := base(t, name, "amd64")
		if p.Output.Kind != profile.Image || p.SecureBootEnabled() {
			continue
		}

		a := lay(t, p, imager.Options{Installer: dir, Time: time.Unix(1, 0)})
		if want := names[name]; want != "" && a.Name != want {
			t.Errorf("%s makes %s, want %s", name, a.Name, want)
		}

		if !strings.Contains(a.Result.Cmdline, "talos.platform="+p.Platform+" ") || a.Result.Disk.Size != p.Output.ImageOptions.DiskSize {
			t.Errorf("%s: %+v", name, a.Result)
		}
	}
}

func TestDiskErrors(t *testing.T) {
	dir := installer(t, pe.AMD64)

	for _, tt := range []struct{ options, want string }{
		{"diskFormat: vdi", `p.yaml:6:17: "vdi" is not a disk format`},
		{"diskSize: 1000", "p.yaml:6:15: the disk size, 1000 bytes, is not a multiple of the sector size, 512"},
		{"diskSize: -512", "p.yaml:6:15: the disk size"},
		{"diskSize: 10485760", "too small"},
		{"diskSize: 62914560", "the EFI partition is too small: two slots of 41 MiB each"},
		{"sectorSize: 1024", "p.yaml:6:17: the sector size is 512 or 4096, not 1024"},
		{"bootloader: grub", `p.yaml:6:17: the boot loader "grub" is not supported yet; it can be sd-boot`},
		{"diskFormatOptions: cluster_size=8k", `p.yaml:6:24: the disk format raw has no options, "cluster_size=8k" is given`},
		{"{diskFormat: vhd, diskSize: 209715712}", "is not a multiple of 1 MiB, as Azure wants a VHD"},
		{"{diskFormat: vhd, sectorSize: 4096}", "the disk format vhd has sectors of 512 bytes only"},
		{"{diskFormat: vhd, diskFormatOptions: subformat=dynamic}", "subformat=dynamic: it can be fixed only"},
		{"{diskFormat: qcow2, diskFormatOptions: cluster_siz=8k}", `the disk format qcow2 has no option "cluster_siz"; did you mean "cluster_size"?`},
		{"{diskFormat: qcow2, diskFormatOptions: cluster_size=9k}", "cluster_size=9k: it is a power of two from 512 to 2M"},
		{"{diskFormat: qcow2, diskFormatOptions: cluster_size=x}", "cluster_size=x: it is not a size, such as 64k"},
		{"{diskFormat: qcow2, diskFormatOptions: compression_type=lz4}", "compression_type=lz4: it can be zlib or zstd"},
		{"{diskFormat: qcow2, diskFormatOptions: compress=yes}", "compress=yes: it can be on or off"},
	} {
		t.Run(tt.options, func(t *testing.T) {
			text := "baseProfileName: metal\narch: amd64\noutput:\n  kind: image\n  imageOptions:\n    " + tt.options + "\n"
			if strings.HasPrefix(tt.options, "{") {
				text = "baseProfileName: metal\narch: amd64\noutput:\n  kind: image\n  imageOptions: " + tt.options + "\n"
			}

			p, err := profile.Load("p.yaml", []byte(text))
			if err == nil {
				out := filepath.Join(t.TempDir(), "out")
				_, err = imager.Render(t.Context(), p, imager.Options{Installer: dir, OutputDir: out})

				if _, err := os.Stat(out); err == nil {
					t.Error("something was left behind")
				}
			}

			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant one with %s", err, tt.want)
			}
		})
	}

	p, err := profile.Load("p.yaml", []byte("baseProfileName: iso\narch: amd64\noutput:\n  imageOptions:\n    diskSize: 1\n"))
	if err != nil {
		t.Fatal(err)
	}

	if err := imager.Check(p); err == nil || !strings.Contains(err.Error(), `p.yaml:5:5: imageOptions can't be in the output kind "iso"`) {
		t.Error(err)
	}
}

// TestTarMember is what GCP wants to find.
func TestTarMember(t *testing.T) {
	r := render(t, imageProfile(t, "raw", profile.TarGZ), installer(t, pe.AMD64))

	f, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	out, err := exec.Command("gzip", "-dc", r.Path).Output()
	if err != nil {
		t.Fatal(err)
	}

	h, err := tar.NewReader(bytes.NewReader(out)).Next()
	if err != nil || h.Name != "disk.raw" || h.Size != diskSize || h.Format != tar.FormatGNU {
		t.Errorf("%+v, %v", h, err)
	}
}
