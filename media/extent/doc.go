// Package extent describes an artefact as an ordered list of byte strings,
// ranges of other files and runs of zeros, and writes such a list out.
//
// Every format package under media/ returns a *List instead of writing bytes
// itself. So the size of an artefact is known before its first byte is
// produced, large inputs (a kernel, an initramfs) are never held in memory,
// lists nest without copying (a kernel in a PE image in a FAT volume in an
// ISO image is one file range in the final list), and the code that moves
// bytes exists once:
//
//   - [List.WriteTo] streams to any io.Writer, for a pipe or a tar archive;
//   - [List.WriteFile] writes into a file or block device: file ranges go
//     through copy_file_range(2), which shares blocks where the file system
//     can and otherwise copies inside the kernel, and zeros become holes;
//   - [List.ReadAt] reads any part, for checkers and inspection;
//   - [Create] and [WriteFileAtomic] make sure that an artefact appears under
//     its name only when it is complete.
//
// A list holds references: byte strings must not be changed, and files must
// stay open and unchanged, until the list has been written. A source that
// turns out shorter than its range is an error ([ErrShortSource]).
//
// The zero List is empty and ready for use. Appending is not safe for
// concurrent use; a list that is no longer appended to may be read and
// written by several goroutines at once.
package extent
