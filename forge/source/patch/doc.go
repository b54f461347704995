// Package patch applies unified diffs to a directory.
//
// It serves the patches of Debian source packages, and does what their format
// asks for (dpkg-source(1), "3.0 (quilt)"): what `patch -F0 -N -p1 -E` of GNU
// patch does. A hunk must match all its context, but may be found at another
// line than it says; one with less context before than after it belongs to the
// start of the file, and the other way round to its end. Files that end up
// empty are removed, and so are directories that lose their last file. Of
// Git's extended headers, renames, copies and modes are understood.
//
// Refused are binary patches, patches of symbolic links, and other forms than
// unified diffs. Text before, between and after diffs is passed over.
package patch
