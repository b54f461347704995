// Package imager renders boot assets: an ISO image, a disk image, a unified
// kernel image, a kernel, an initramfs, a kernel command line.
//
// A profile (schemas/profile) says what to make; an installer image, or the
// files of one, gives what it is made from. [Lay] computes an asset as a list
// of extents without copying anything; [Asset.WriteFile] and [Asset.WriteTar]
// then write it, at about the cost of copying its bytes and with a few MiB of
// memory. [Render] is both in one step.
//
// It needs no privileges, no other programs and no container, and gives the
// same bytes for the same inputs: times come from SOURCE_DATE_EPOCH, or are
// the same always.
//
// What a profile asks for and this package can't do yet is an error that
// names the key and its place in the document; nothing is left out silently.
//
// An ISO image holds an El Torito entry for UEFI, a FAT volume with one UKI
// at EFI/BOOT/BOOTX64.EFI (BOOTAA64.EFI on arm64), and shows the same file in
// its ISO 9660 tree.
//
// A disk image is what the package installer lays out for a machine, as a raw
// disk or in a container (media/qcow2, vhd, vhdx, vmdk, ova). Formats without
// compression are lists of extents as everything else; compressed ones are made
// as they are written ([Asset.List] is then nil).
package imager
