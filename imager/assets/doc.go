// Package assets finds the files that boot assets are made from: a kernel, an
// initramfs, an EFI stub, an os-release file, for one architecture.
//
// They come from an installer image, in any of these forms, told apart by
// looking at them:
//
//   - a reference to an image in a registry;
//   - an OCI layout, as a directory or in a tar archive, or what "docker save"
//     writes; where it holds several images, PATH:NAME chooses one;
//   - a directory that holds usr/install/ARCH, ARCH, or the files themselves.
//
// [LocalPrefix] says that a path is meant, as the rest of akmon writes layouts.
//
// [Open] reads no more than it must. Files in an uncompressed local layer are
// not extracted at all: they become ranges of the layer, whose digest is
// checked while they are used ([Set.Verify] waits for the result). Files in a
// compressed layer are extracted, streaming, to temporary files that have no
// name any more, so that nothing is left behind however the program ends.
package assets
