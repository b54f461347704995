package profile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/profile"
)

// documented is a profile as the documentation shows it, with every section.
const documented = `arch: amd64
platform: metal
secureboot: false
version: v1.12.0
customization:
  extraKernelArgs:
    - console=ttyS1
    - -pti
  metaContents:
    - key: 0xa
      value: |
        addresses: []
input:
  kernel:
    path: /usr/install/amd64/vmlinuz
  initramfs:
    path: /usr/install/amd64/initramfs.xz
  sdStub:
    path: /usr/install/amd64/systemd-stub.efi
  baseInstaller:
    imageRef: registry.example.org/installer:v1.12.0
    forceInsecure: true
  systemExtensions:
    - imageRef: registry.example.org/tailscale:1.2.3
    - tarballPath: /ext/one.tar
    - ociPath: /ext/two
overlay:
  name: rpi_generic
  image:
    imageRef: registry.example.org/overlay:1
  options:
    data: mydata
output:
  kind: image
  imageOptions:
    diskSize: 1306525696
    diskFormat: qcow2
    diskFormatOptions: cluster_size=8k
    bootloader: dual-boot
  outFormat: .zst
`

func TestDocumentedProfile(t *testing.T) {
	p, err := profile.Load("p.yaml", []byte(documented))
	if err != nil {
		t.Fatal(err)
	}

	if p.Customization.MetaContents[0].Key != 10 || p.Input.SystemExtensions[2].OCIPath != "/ext/two" ||
		p.Output.ImageOptions.DiskSize != 1306525696 || p.Output.OutFormat != profile.ZST || p.SecureBootEnabled() {
		t.Errorf("%+v", p)
	}

	b, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}

	again, err := profile.Load("again.yaml", b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}

	if b2, _ := again.YAML(); string(b2) != string(b) {
		t.Error(cmp.Diff(string(b), string(b2)))
	}
}

func TestBaseProfiles(t *testing.T) {
	for _, name := range profile.Names() {
		p, ok := profile.Named(name)
		if !ok {
			t.Errorf("%s is listed but not there", name)
			continue
		}

		p.Arch = "amd64"
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}

		if p.SecureBootEnabled() != strings.HasPrefix(name, "secureboot-") {
			t.Errorf("%s has secureboot %t", name, p.SecureBootEnabled())
		}
	}

	if _, ok := profile.Named("secureboot-aws"); ok {
		t.Error("secureboot-aws is there but not documented")
	}

	p, _ := profile.Named("metal-4k")
	if p.Output.ImageOptions.SectorSize != 4096 {
		t.Errorf("%+v", p.Output.ImageOptions)
	}

	if _, err := profile.Base("aww"); err == nil || !strings.Contains(err.Error(), `did you mean "aws"?`) {
		t.Errorf("error: %v", err)
	}
}

func TestDocumentOverBase(t *testing.T) {
	p, err := profile.Load("-", []byte("baseProfileName: secureboot-iso\narch: arm64\nsecureboot: false\noutput:\n  kind: uki\n"))
	if err != nil {
		t.Fatal(err)
	}

	if p.SecureBootEnabled() || p.Output.Kind != profile.UKI || p.Output.OutFormat != profile.Raw || p.Platform != "metal" {
		t.Errorf("%+v", p)
	}

	if got := p.Stem(); got != "metal-arm64" {
		t.Errorf("the file name starts with %s", got)
	}

	if !p.Has("output.kind") || p.Has("output.outFormat") || p.Has("input.systemExtensions.0") || p.Has("arch.x") {
		t.Error("Has is wrong")
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"unknown key", "baseProfileName: iso\ninput:\n  kernal: {}\n", `p.yaml:3:3: unknown key "kernal"; did you mean "kernel"?`},
		{"unknown base", "arch: amd64\nbaseProfileName: isoo\n", `p.yaml:2:18: "isoo" is not a base profile; did you mean "iso"?`},
		{"kind", "output:\n  kind: izo\n", `did you mean "iso"?`},
		{"format", "baseProfileName: iso\noutput:\n  outFormat: .zip\n", `p.yaml:3:14: ".zip" is not an output format`},
		{"disk format", "output:\n  imageOptions:\n    diskFormat: vdi\n", `p.yaml:3:17: "vdi" is not a disk format`},
		{"arch", "baseProfileName: iso\narch: amd46\n", `p.yaml:2:7: "amd46" is not an architecture; did you mean "amd64"?`},
		{"platform", "baseProfileName: iso\nplatform: metla\n", `p.yaml:2:11: "metla" is not a platform; did you mean "metal"?`},
		{"meta key", "baseProfileName: iso\ncustomization:\n  metaContents:\n    - key: 256\n", `"256" is not a META key`},
		{"newline", "baseProfileName: iso\ncustomization:\n  extraKernelArgs:\n    - \"a\\nb\"\n", `p.yaml:4:7: the kernel argument "a\nb" has a line break`},
		{"no kind", "arch: amd64\n", "p.yaml: the output kind is missing; set output.kind or baseProfileName"},
		{"two documents", "arch: amd64\n---\narch: arm64\n", "one YAML document, there are 2"},
		{"empty", "", "there are 0"},
		{"not YAML", "a: [", "p.yaml"},
		{"twice", "arch: amd64\narch: arm64\n", "arch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := profile.Load("p.yaml", []byte(tt.doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant one with %s", err, tt.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte("baseProfileName: secureboot-iso\narch: &a arm64\nplatform: *a\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		p, err := profile.Load("fuzz", b)
		if err != nil {
			return
		}

		_, _ = p.YAML()
		_ = p.At("customization.extraKernelArgs.3", "x").Error()
		_ = p.Has("input.systemExtensions.0.imageRef")
	})
}
