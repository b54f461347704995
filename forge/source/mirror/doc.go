// Package mirror decides where else a source may be had than at its URL.
//
// A recipe names the permanent URL of a source and nothing else. Where the
// machine should look first is configuration:
//
//   - AKMON_MIRRORS, a list prefix=replacement,prefix=replacement;
//   - otherwise the file akmon/mirrors.yaml in the user's configuration
//     directory ($XDG_CONFIG_HOME);
//   - otherwise what the machine is already set up to use: its apt sources for
//     URLs of snapshot.debian.org, and its GOPROXY for those of go.dev/dl/mod.
//
// # Rules
//
// A rule replaces a URL's prefix. In the prefix, an asterisk stands for one
// path element (one or more characters other than a slash), which is dropped:
//
//	https://snapshot.debian.org/archive/debian/*/=http://mirror.example/debian/
//
// makes …/archive/debian/20260913T000000Z/pool/main/m/make/make_4.deb be tried
// at http://mirror.example/debian/pool/main/m/make/make_4.deb. All rules that
// match are tried in their order, then the URL itself. A replacement may also
// be a file URL: a copied pool on a disk is a mirror. Repositories of Git sources
// have mirrors in the same way; those may be ssh and git URLs, too.
//
// # The file
//
//	mirrors:
//	  - prefix: https://snapshot.debian.org/archive/debian/*/
//	    replacements: [http://mirror.example/debian/, file:///media/usb/debian/]
//	goproxy: https://goproxy.example    # for Go modules; the syntax of GOPROXY
//
// Wrong bytes from a mirror do no harm: every source is checked by its sums.
package mirror
