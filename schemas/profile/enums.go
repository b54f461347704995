package profile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/akmon-os/akmon/schemas/document"
)

// Kind is what to make.
type Kind string

// The kinds of assets.
const (
	ISO       Kind = "iso"
	Image     Kind = "image" // a disk image
	Installer Kind = "installer"
	Kernel    Kind = "kernel"
	Initramfs Kind = "initramfs"
	UKI       Kind = "uki"
	Cmdline   Kind = "cmdline"
)

// OutFormat is how the asset is packed.
type OutFormat string

// The ways of packing. Raw leaves the asset as it is.
const (
	Raw   OutFormat = "raw"
	TarGZ OutFormat = ".tar.gz"
	XZ    OutFormat = ".xz"
	GZ    OutFormat = ".gz"
	ZST   OutFormat = ".zst"
)

// DiskFormat is the container format of a disk image.
type DiskFormat string

// The disk formats. VHDX and VMDK are not in the documentation.
const (
	DiskRaw   DiskFormat = "raw"
	DiskQCOW2 DiskFormat = "qcow2"
	DiskVHD   DiskFormat = "vhd"
	DiskVHDX  DiskFormat = "vhdx"
	DiskVMDK  DiskFormat = "vmdk"
	DiskOVA   DiskFormat = "ova"
)

// Bootloader is a disk image's boot loader: dual-boot, sd-boot or grub.
type Bootloader string

// EnrollKeys is systemd-boot's secure-boot-enroll: if-safe, manual, force or off.
type EnrollKeys string

// MetaKey is a key of the META partition.
type MetaKey uint8

// The values of each enumeration, in the order of their documentation.
var (
	kinds       = []string{string(ISO), string(Image), string(Installer), string(Kernel), string(Initramfs), string(UKI), string(Cmdline)}
	outFormats  = []string{string(Raw), string(TarGZ), string(XZ), string(GZ), string(ZST)}
	diskFormats = []string{string(DiskRaw), string(DiskQCOW2), string(DiskVHD), string(DiskVHDX), string(DiskVMDK), string(DiskOVA)}
	bootloaders = []string{"dual-boot", "sd-boot", "grub"}
	enrollKeys  = []string{"if-safe", "manual", "force", "off"}
	arches      = []string{"amd64", "arm64"}
)

// oneOf checks an enumeration's value.
func oneOf(what, value string, allowed []string) error {
	for _, a := range allowed {
		if a == value {
			return nil
		}
	}

	hint := document.Suggest(value, allowed)
	if hint == "" {
		hint = "it is one of " + strings.Join(allowed, ", ")
	}

	return fmt.Errorf("%q is not %s; %s", value, what, hint)
}

// UnmarshalText accepts the documented names only.
func (k *Kind) UnmarshalText(b []byte) error {
	*k = Kind(b)

	return oneOf("an output kind", string(b), kinds)
}

// UnmarshalText accepts the documented names only.
func (f *OutFormat) UnmarshalText(b []byte) error {
	*f = OutFormat(b)

	return oneOf("an output format", string(b), outFormats)
}

// UnmarshalText accepts the documented names only.
func (f *DiskFormat) UnmarshalText(b []byte) error {
	*f = DiskFormat(b)

	return oneOf("a disk format", string(b), diskFormats)
}

// UnmarshalText accepts the documented names only.
func (l *Bootloader) UnmarshalText(b []byte) error {
	*l = Bootloader(b)

	return oneOf("a boot loader", string(b), bootloaders)
}

// UnmarshalText accepts the documented names only.
func (e *EnrollKeys) UnmarshalText(b []byte) error {
	*e = EnrollKeys(b)

	return oneOf("a value for key enrolment", string(b), enrollKeys)
}

// UnmarshalText accepts a number from 0 to 255, decimal or with 0x.
func (k *MetaKey) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 0, 8)
	if err != nil {
		return fmt.Errorf("%q is not a META key, which is a number from 0 to 255", b)
	}

	*k = MetaKey(n)

	return nil
}

// MarshalText writes the key as documentation does: 0x0a.
func (k MetaKey) MarshalText() ([]byte, error) { return []byte(fmt.Sprintf("0x%02x", uint8(k))), nil }
