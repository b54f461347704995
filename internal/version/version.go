// Package version says which release of Akmon a program belongs to. Its
// variables are set at link time (-ldflags "-X …/internal/version.Tag=v0.1.0"),
// by the Makefile for tools and by the package tree for what runs on a machine.
package version

// Name is the product's name, as it stands in os-release and on consoles.
const Name = "Akmon"

// Tag, SHA and Built describe the release: its tag, the commit it was built
// from, and when (RFC 3339). SHA and Built stay empty where a build must not
// depend on them, as in images, which a commit alone must not change.
var (
	Tag   = "v0.1.0"
	SHA   = ""
	Built = ""
)
