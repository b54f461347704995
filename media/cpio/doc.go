// Package cpio writes and reads archives in the "newc" format, which is what
// the kernel unpacks as initramfs.
//
// The writer ([New]) returns a list of extents: contents are neither read nor
// copied, inode numbers count from 1, and owners are root, so that the same
// input gives the same bytes. Archives may follow each other in one
// initramfs, each padded to 4 bytes and each compressed or not; the kernel
// unpacks later ones over earlier ones.
//
// Format: Documentation/driver-api/early-userspace/buffer-format.rst of
// Linux. Sizes are 32-bit: an entry is at most 4 GiB - 1 byte.
package cpio
