// Package deb reads what Debian's archive is made of: binary packages
// (deb(5)), control paragraphs (deb-control(5)), version numbers
// (deb-version(7)) and dependency fields (Debian Policy, chapter 7).
package deb
