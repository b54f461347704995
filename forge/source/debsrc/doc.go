// Package debsrc fetches and unpacks Debian source packages.
//
// A source package is a .dsc, which names its files with their sizes and
// SHA-256 (dsc(5), deb822(5)). The recipe has the sums of the .dsc, so that
// they pin all of it; the signature in it is not looked at. The files are
// beside the .dsc, and at the mirrors of their addresses: those of
// snapshot.debian.org at the machine's own mirrors where nothing else is
// configured (forge/source/mirror).
//
// Unpacked is what dpkg-source --extract would unpack, of the formats 1.0,
// 3.0 (native) and 3.0 (quilt), without the directory .pc of quilt: the
// upstream archives, Debian's own files, and upstream's files patched as
// debian/patches/series says (package patch). The result is one archive
// (package archive) below the store's folder made.
package debsrc
