// Package layer merges the files of many packages into one tar stream.
//
// Each package is a tar stream. They are read in parallel; the contents go to
// scratch files, the headers into one tree, which then is written sorted by
// path, with one time for all entries, so that the output depends on nothing
// but the packages' contents and the configuration.
//
// A path below a symbolic link to a directory lands in the link's target, as
// it would if the package were unpacked over a file system that has the link:
// with /lib -> usr/lib, /lib/x is /usr/lib/x. Where a package has a directory
// and another one a link at the same path, the link stays if it leads to a
// directory.
package layer
