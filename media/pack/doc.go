// Package pack compresses a list of extents as .gz, .xz or .zst, on all
// processors, and puts one in a tar archive.
//
// The list is cut in pieces that are compressed apart from one another, so
// that the output is the same whatever the number of processors, and so that
// runs of zeros are compressed once and then repeated: a disk image costs what
// its data costs. The pieces are
//
//   - of a .gz, 1 MiB of one deflate stream, each with the 32 KiB before it as
//     its dictionary, as pigz(1) makes them (RFC 1951, RFC 1952);
//   - of a .zst, frames of 4 MiB, with a checksum where there is data (RFC 8878, section 3.1);
//   - of an .xz, blocks of 8 MiB with a CRC64 ("The .xz File Format" 1.2.1).
//
// Headers hold neither names nor times.
package pack
