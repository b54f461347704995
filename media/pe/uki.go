package pe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
)

// Parts are the contents of a unified kernel image.
type Parts struct {
	// Stub is the EFI stub, a PE image for the kernel's architecture.
	Stub *extent.List
	// Linux is an EFI stub kernel; required.
	Linux *extent.List
	// Initrd is an initramfs archive, or several after each other.
	Initrd *extent.List
	// OSRelease is the text of an os-release file.
	OSRelease []byte
	// Cmdline is the kernel command line, without a newline.
	Cmdline string
	// Uname is the kernel's version string. Empty means read from the kernel
	// where its format says it, else left out.
	Uname string
	// SBAT replaces nothing: the stub's own .sbat section is kept. It is
	// added only where the stub has none.
	SBAT []byte
	// Extra are further sections (.dtb, .splash, .pcrsig, …), which go before
	// .initrd and .linux.
	Extra []NewSection
}

// UKI makes a unified kernel image. Sections follow the order of the UAPI
// specification's examples; .linux is the last one, because the kernel's
// memory after its file content must not overlap another section.
func UKI(p Parts) (*extent.List, error) {
	stub, err := Parse(p.Stub, p.Stub.Size())
	if err != nil {
		return nil, fmt.Errorf("making a unified kernel image: the stub: %w", err)
	}

	kernel, err := Parse(p.Linux, p.Linux.Size())
	if err != nil {
		return nil, fmt.Errorf("making a unified kernel image: the kernel has no EFI stub (CONFIG_EFI_STUB): %w", err)
	}

	if stub.Machine != kernel.Machine {
		return nil, fmt.Errorf("making a unified kernel image: the stub is for %s, the kernel for %s", stub.Machine, kernel.Machine)
	}

	if strings.ContainsAny(p.Cmdline, "\n\r\x00") {
		return nil, errors.New("making a unified kernel image: the command line has a line break or zero byte")
	}

	if p.Uname == "" {
		p.Uname = KernelVersion(p.Linux)
	}

	var sections []NewSection

	add := func(name string, b []byte) {
		if len(b) > 0 {
			sections = append(sections, NewSection{Name: name, Content: extent.FromBytes(b)})
		}
	}

	add(".osrel", p.OSRelease)
	add(".cmdline", []byte(p.Cmdline))
	add(".uname", []byte(p.Uname))

	if stub.Section(".sbat") == nil {
		add(".sbat", p.SBAT)
	}

	sections = append(sections, p.Extra...)

	if p.Initrd.Size() > 0 {
		sections = append(sections, NewSection{Name: ".initrd", Content: p.Initrd})
	}

	sections = append(sections, NewSection{
		Name: ".linux", Content: p.Linux, VirtualSize: int64(kernel.SizeOfImage),
		Characteristics: Code | InitializedData | Execute | Read,
	})

	return Append(stub, sections)
}

// KernelVersion returns the release of an x86 kernel ("6.12.94"), which its
// boot protocol header points to, or "" where there is none.
//
// See Documentation/arch/x86/boot.rst of Linux: at 0x202 "HdrS", at 0x20e the
// offset (less 0x200) of a string "release (builder) #n …".
func KernelVersion(r io.ReaderAt) string {
	var h [0x210]byte
	if _, err := r.ReadAt(h[:], 0); err != nil || string(h[0x202:0x206]) != "HdrS" {
		return ""
	}

	at := int64(le.Uint16(h[0x20e:]))
	if at == 0 {
		return ""
	}

	var s [128]byte

	n, _ := r.ReadAt(s[:], at+0x200)

	release, _, _ := bytes.Cut(s[:n], []byte{0})
	release, _, _ = bytes.Cut(release, []byte{' '})

	for _, c := range release {
		if c <= ' ' || c > '~' {
			return ""
		}
	}

	return string(release)
}
