// Package xz unpacks .xz files (The .xz File Format, version 1.2.1) whose only
// filter is LZMA2: all that dpkg-deb and Debian's indices use. It exists for
// speed: unpacking is most of the work of assembling a userland.
//
// All checks are verified: those of headers, blocks (CRC32, CRC64, SHA-256)
// and the index. Several streams after one another count as one file.
package xz
