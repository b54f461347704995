// Package archive reads Debian's archives: the signed state of a suite
// (InRelease) and its indices of packages.
//
// What the archive's servers say is trusted as far as the signature on
// InRelease goes: with a keyring, which Debian machines have, it is checked;
// without one, the transport is all the trust there is, and [Suite.SignedBy]
// is empty. Sums of indices and packages always come from InRelease, directly
// or through an index.
package archive
