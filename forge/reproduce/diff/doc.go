// Package diff finds out where and how two files differ, looking inside the
// formats that images are made of.
//
// [Compare] gives a list of [Difference]s, each with the way to it: through
// compression (gzip, zstd, xz), archives (tar, cpio, ar), file systems
// (squashfs), executables (the sections of ELF and PE), kernel images (the
// compressed kernel in a bzImage or EFI zboot image), down to the first line
// or byte that differs. A format that can't be read, or in which all that is
// inside is equal, is compared byte by byte.
//
// # The slot of the module signing key
//
// A kernel whose modules are signed with a key that is thrown away after the
// build differs from build to build in that key's certificate, in the
// signatures, and in what follows from them: the build ID, and the size of the
// compressed kernel. Such differences are named (Difference.Known) but do not
// count as differences of code. Nothing else may hide behind them: what is
// signed is compared without the signature, and in the kernel every differing
// byte must lie in a certificate of the same subject or in the build ID.
//
// # Formats
//
//   - tar: POSIX.1-2001 pax, by archive/tar; ar: as GNU and LLVM ar write it;
//     cpio: media/cpio; PE: media/pe; ELF: debug/elf;
//   - squashfs 4.0, by github.com/KarpelesLab/squashfs;
//   - bzImage: Documentation/arch/x86/boot.rst of Linux, payload_offset;
//     EFI zboot: drivers/firmware/efi/libstub/zboot-header.S;
//   - signed modules: struct module_signature, include/linux/module_signature.h;
//   - the kernel's own certificate: certs/system_certificates.S.
package diff
