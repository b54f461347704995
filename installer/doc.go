// Package installer puts an operating system on a disk: a block device of a
// machine, or a file that becomes a disk image.
//
// # The disk
//
// A GUID partition table with the partitions that the public Talos
// documentation names:
//
//	EFI        the boot loader and one unified kernel image per slot (FAT32)
//	META       1 MiB of metadata for the machine
//	STATE      the machine's configuration
//	EPHEMERAL  everything else: /var
//
// The last three are left empty; the machine formats them when it first boots.
// With [Layout.FirstBoot] STATE and EPHEMERAL are not even listed, so that an
// image fits any disk.
//
// The EFI partition holds
//
//	/EFI/BOOT/BOOTX64.EFI       systemd-boot (BOOTAA64.EFI on arm64)
//	/EFI/Linux/akmon-A.efi      slot A: stub, kernel, initramfs, command line
//	/loader/loader.conf         which slot is the default
//
// Slot B is empty until an upgrade; the partition has room for it.
//
// # Order of writing
//
// [Install] lays everything out before it touches the disk, so that what
// cannot work is said while the disk is still whole. Then it removes an old
// partition table, writes contents, waits for the disk, and only then writes
// the new table, backup copy first. A disk on which that was interrupted has
// no table or the complete new one, never a half.
//
// The same [Layout] gives the same bytes; [Image.List] is the whole disk as a
// list of extents, for programs that wrap it.
package installer
