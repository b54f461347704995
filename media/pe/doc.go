// Package pe reads PE/COFF images, and makes unified kernel images (UKI) by
// appending sections to an EFI stub.
//
// A UKI is the systemd stub followed by sections that the stub looks for by
// name: .osrel, .cmdline, .uname, .initrd, .linux and others. [Append] adds
// sections to any image and returns a list of extents: the stub's own bytes
// are kept, only its headers are rewritten in memory, and the kernel and the
// initramfs stay ranges of their files. [UKI] knows the order and the
// properties that the stub wants.
//
// Raw data of appended sections starts at multiples of 4 KiB in the file, so
// that file systems that share blocks can do so.
//
// Formats: Microsoft's "PE Format" (COFF header, optional header, section
// table), and the UAPI group's specification UKI. The image checksum is left
// at zero: no EFI firmware checks it, Authenticode leaves it out, and
// computing it would mean reading everything.
package pe
