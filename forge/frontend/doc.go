// Package frontend lets BuildKit compile package trees by itself, as a gateway
// frontend: the program in an OCI image that BuildKit runs when the first line
// of a build's definition is `# syntax=IMAGE`. A tree then builds with
// docker buildx build, buildctl and akmon build alike, to the same digests.
//
// # The tree
//
// The build context is the tree. [Build] asks the builder for the names of all
// files in it and the content of the documents, loads, resolves and lowers as
// akmon build does, and hands the graph back; package files and local sources
// are read by the graph itself. A .dockerignore has no say, as it has none in
// akmon build.
//
// # What the graph does that akmon build does before
//
//   - URL sources are llb.HTTP with their SHA-256. Build argument
//     AKMON_MIRRORS rewrites addresses; only the first mirror is tried.
//   - A Debian root file system is llb.HTTP of its packages, and a step that
//     runs the frontend's own image to unpack them (package step).
//   - The modules of a go.sum are fetched by another such step, which checks
//     them against the go.sum.
//
// The files that come out are the same, with the same owners, modes and times;
// only the ways to them differ.
//
// # Options
//
// target is a package; without it, the only one that nothing depends on, or the
// only such one with an image. platform may be several. Build arguments are
// those of akmon build --set. A named context stands for the image or the
// package of its name. no-cache, no-cache-filter (packages), cache imports and
// labels mean what they mean for a Dockerfile. Options that would change what
// steps see (hosts, network, limits) are refused.
//
// Subrequests: frontend.targets, frontend.outline, frontend.lint,
// frontend.subrequests.describe.
package frontend
