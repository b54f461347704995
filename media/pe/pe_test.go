package pe_test

import (
	"bytes"
	debugpe "debug/pe"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/media/pe/petest"
)

func stub() []byte {
	return petest.Image(pe.AMD64, petest.Section{Name: ".text", Data: bytes.Repeat([]byte{0x90}, 700)},
		petest.Section{Name: ".sbat", Data: []byte("sbat,1,SBAT Version\n")})
}

func parts() pe.Parts {
	return pe.Parts{
		Stub:      extent.FromBytes(stub()),
		Linux:     extent.FromBytes(petest.Kernel(pe.AMD64, "6.12.94-akmon", 20_000)),
		Initrd:    extent.FromBytes(bytes.Repeat([]byte("initrd"), 3333)),
		OSRelease: []byte("ID=akmon\n"),
		Cmdline:   "console=ttyS0 quiet",
		SBAT:      []byte("not used, the stub has its own"),
		Extra:     []pe.NewSection{{Name: ".dtb", Content: extent.FromBytes([]byte("device tree"))}},
	}
}

func mustUKI(t *testing.T, p pe.Parts) *extent.List {
	t.Helper()

	l, err := pe.UKI(p)
	if err != nil {
		t.Fatal(err)
	}

	return l
}

func TestUKI(t *testing.T) {
	p := parts()
	l := mustUKI(t, p)

	img, err := pe.Parse(l, l.Size())
	if err != nil {
		t.Fatal(err)
	}

	var names []string

	end := uint32(0)

	for i, s := range img.Sections {
		names = append(names, s.Name)

		if s.VirtualAddress < end || s.VirtualAddress%4096 != 0 {
			t.Errorf("section %s is at %#x, the one before ends at %#x", s.Name, s.VirtualAddress, end)
		}

		if i >= 2 && s.Offset%4096 != 0 {
			t.Errorf("section %s has its data at %#x, not at a whole page", s.Name, s.Offset)
		}

		end = s.VirtualAddress + max(s.VirtualSize, s.Size)
	}

	if d := cmp.Diff([]string{".text", ".sbat", ".osrel", ".cmdline", ".uname", ".dtb", ".initrd", ".linux"}, names); d != "" {
		t.Error(d)
	}

	if img.SizeOfImage < end || img.SizeOfImage%4096 != 0 {
		t.Errorf("SizeOfImage is %#x, sections end at %#x", img.SizeOfImage, end)
	}

	// The kernel's memory after its file content is part of its section.
	kernel, _ := pe.Parse(p.Linux, p.Linux.Size())
	if s := img.Section(".linux"); s.VirtualSize != max(kernel.SizeOfImage, uint32(p.Linux.Size())) {
		t.Errorf(".linux has %d bytes in memory, the kernel wants %d", s.VirtualSize, kernel.SizeOfImage)
	}

	for name, want := range map[string][]byte{
		".osrel": p.OSRelease, ".cmdline": []byte(p.Cmdline), ".uname": []byte("6.12.94-akmon"), ".sbat": []byte("sbat,1,SBAT Version\n"),
	} {
		if got, err := img.ReadSection(name, 1<<20); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
}

// TestStandardLibraryAgrees reads the same with debug/pe.
func TestStandardLibraryAgrees(t *testing.T) {
	p := parts()
	l := mustUKI(t, p)

	f, err := debugpe.NewFile(l)
	if err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]*extent.List{".initrd": p.Initrd, ".linux": p.Linux} {
		got, err := f.Section(name).Data()
		if err != nil {
			t.Fatal(err)
		}

		if w, _ := want.Bytes(1 << 20); !bytes.Equal(got[:len(w)], w) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestObjdump(t *testing.T) {
	tool, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not installed")
	}

	path := filepath.Join(t.TempDir(), "uki.efi")
	if err := extent.WriteFileAtomic(path, mustUKI(t, parts()), 0o600); err != nil {
		t.Fatal(err)
	}

	out, err := exec.Command(tool, "-h", path).CombinedOutput()
	if err != nil {
		t.Skipf("objdump does not know the format: %v\n%s", err, out)
	}

	for _, want := range []string{"pei-x86-64", ".osrel        00000009", ".cmdline      00000013", ".linux"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("objdump does not say %q:\n%s", want, out)
		}
	}
}

// TestSigning lets sbsign sign the image and sbverify check it.
func TestSigning(t *testing.T) {
	for _, tool := range []string{"sbsign", "sbverify", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}

	dir := t.TempDir()
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir

		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}

		return string(out)
	}

	if err := extent.WriteFileAtomic(filepath.Join(dir, "uki.efi"), mustUKI(t, parts()), 0o600); err != nil {
		t.Fatal(err)
	}

	run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", "key", "-out", "cert")
	run("sbsign", "--key", "key", "--cert", "cert", "--output", "signed.efi", "uki.efi")

	if out := run("sbverify", "--cert", "cert", "signed.efi"); !strings.Contains(out, "Signature verification OK") {
		t.Error(out)
	}

	signed, err := os.ReadFile(filepath.Join(dir, "signed.efi"))
	if err != nil {
		t.Fatal(err)
	}

	img, err := pe.Parse(bytes.NewReader(signed), int64(len(signed)))
	if err != nil || img.CertificateSize == 0 || int(img.CertificateOffset) < len(signed)-8192 {
		t.Fatalf("%+v, %v", img, err)
	}

	// What is appended to a signed image is not signed any more, and says so.
	l, err := pe.Append(img, []pe.NewSection{{Name: ".more", Content: extent.FromBytes([]byte("more"))}})
	if err != nil {
		t.Fatal(err)
	}

	if again, err := pe.Parse(l, l.Size()); err != nil || again.CertificateSize != 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestNothingIsCopied(t *testing.T) {
	p := parts()
	p.Initrd = &extent.List{}
	p.Initrd.AppendRange(strings.NewReader(strings.Repeat("x", 100_000)), 0, 100_000)

	found := false
	for _, e := range mustUKI(t, p).Extents() {
		found = found || e.Kind == extent.Range && e.Length == 100_000
	}

	if !found {
		t.Error("the initramfs is not a range of its source")
	}
}

func TestErrors(t *testing.T) {
	full := func() []byte {
		var s []petest.Section
		for range 17 {
			s = append(s, petest.Section{Name: ".x", Data: []byte("x")})
		}

		return petest.Image(pe.AMD64, s...)
	}

	for _, tt := range []struct {
		name   string
		change func(p *pe.Parts)
		want   string
	}{
		{"newline", func(p *pe.Parts) { p.Cmdline = "a\nb" }, "line break"},
		{"other architecture", func(p *pe.Parts) { p.Linux = extent.FromBytes(petest.Kernel(pe.ARM64, "", 0)) }, "the kernel for arm64"},
		{"no EFI stub", func(p *pe.Parts) { p.Linux = extent.FromBytes(make([]byte, 4096)) }, "no EFI stub"},
		{"empty stub", func(p *pe.Parts) { p.Stub = nil }, "the stub"},
		{"cut off stub", func(p *pe.Parts) { p.Stub = p.Stub.Slice(0, 1500) }, "ends at"},
		{"no room", func(p *pe.Parts) { p.Stub = extent.FromBytes(full()) }, "no room"},
		{"long section name", func(p *pe.Parts) { p.Extra[0].Name = ".toolongname" }, "longer than 8"},
		{"twice", func(p *pe.Parts) { p.Extra[0].Name = ".sbat" }, "already has"},
		{"too large", func(p *pe.Parts) { p.Initrd = &extent.List{}; p.Initrd.AppendZeros(1 << 32) }, "4 GiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := parts()
			tt.change(&p)

			_, err := pe.UKI(p)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}

	p := parts()
	p.Stub = extent.FromBytes(full())

	if _, err := pe.UKI(p); !errors.Is(err, pe.ErrNoRoom) {
		t.Errorf("%v is not ErrNoRoom", err)
	}

	p.Stub = extent.FromBytes([]byte("#!/bin/sh"))
	if _, err := pe.UKI(p); !errors.Is(err, pe.ErrFormat) {
		t.Errorf("%v is not ErrFormat", err)
	}
}

func TestSBATIsAddedWhereTheStubHasNone(t *testing.T) {
	p := parts()
	p.Stub = extent.FromBytes(petest.Image(pe.AMD64, petest.Section{Name: ".text", Data: []byte("x")}))

	l := mustUKI(t, p)

	img, err := pe.Parse(l, l.Size())
	if err != nil {
		t.Fatal(err)
	}

	if got, err := img.ReadSection(".sbat", 100); err != nil || string(got) != string(p.SBAT) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKernelVersion(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want string
	}{
		{petest.Kernel(pe.AMD64, "6.12.94", 0), "6.12.94"},
		{petest.Kernel(pe.ARM64, "6.12.94", 0), ""},
		{nil, ""},
		{petest.Kernel(pe.AMD64, "6\x01", 0), ""},
	} {
		if got := pe.KernelVersion(bytes.NewReader(tt.in)); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(stub())
	f.Add(petest.Kernel(pe.ARM64, "6.12", 0))

	odd := stub()
	binary.LittleEndian.PutUint32(odd[0x3c:], 0xfffffff0)
	f.Add(odd)

	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := pe.Parse(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		for i := range img.Sections {
			_, _ = img.ReadSection(img.Sections[i].Name, 1<<20)
		}

		l, err := pe.Append(img, []pe.NewSection{{Name: ".new", Content: extent.FromBytes([]byte("new"))}})
		if err != nil {
			return
		}

		again, err := pe.Parse(l, l.Size())
		if err != nil {
			t.Fatalf("what was appended to can't be read: %v", err)
		}

		if got, err := again.ReadSection(".new", 10); err != nil || string(got) != "new" {
			t.Fatalf("the new section is %q, %v", got, err)
		}
	})
}
