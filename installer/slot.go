package installer

import "fmt"

// Slot is one of the two places that a bootable system can be in.
type Slot string

// The slots. An installation writes A; an upgrade writes the one that did not
// boot.
const (
	SlotA Slot = "A"
	SlotB Slot = "B"
)

// entry is the slot's identifier to the boot loader: the file's name. A boot
// counter between it and ".efi" ("akmon-B+3.efi") is not part of it (UAPI Boot
// Loader Specification, "Boot counting").
func (s Slot) entry() string { return "akmon-" + string(s) }

// path is the slot's unified kernel image on the EFI partition.
func (s Slot) path() string { return "EFI/Linux/" + s.entry() + ".efi" }

// loaderConf is systemd-boot's configuration (loader.conf(5)). The editor is
// off: whoever can change the command line can do anything.
func loaderConf(def Slot) []byte {
	return fmt.Appendf(nil, "default %s.efi\ntimeout 3\nconsole-mode keep\neditor no\n", def.entry())
}
