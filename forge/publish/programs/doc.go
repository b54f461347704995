// Package programs finds Go programs in the files of an image, also in those
// that are packed: the node's programs are in a squashfs, in a cpio archive, in
// a compressed file.
//
// A Go program carries a list of the modules that were linked into it, with
// their versions and sums (debug/buildinfo). go.sum of the sources names many
// more; only the program itself knows what is in it. So the image is looked
// into rather than the recipe, which also holds for programs that came
// built from elsewhere.
//
// Understood are ELF programs, squashfs, cpio archives (several in a row, as the
// kernel takes them for an initramfs), and gzip, xz and zstd around those.
// Everything else is taken for a file without programs.
package programs
