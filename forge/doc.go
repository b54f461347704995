// Package forge drives a build from the tree to the signed image:
//
//	tree.Load ─▶ graph.Resolve ─▶ source.Fetch, bootstrap.Assemble ─▶ lower.Lower ─▶ engine.Solve ─▶ publish.Sign
//
// Each station is a package of its own below this one and knows nothing of the
// others; this package carries what one gives to the next. The command line
// (cmd/akmon) only fills in [Options].
//
// What BuildKit gets as input is always local: sources come from the store as
// files named by their sum, Go modules as a directory in GOPROXY's layout, the
// bootstrap userland as an OCI layout, and the tree's own files as they are.
package forge
