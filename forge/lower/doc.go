// Package lower compiles a resolved package graph to LLB, the build graph of
// BuildKit (github.com/moby/buildkit, solver/pb/ops.proto). It needs no daemon
// and touches neither network nor disk.
//
// # What a package becomes
//
// The dependencies are stacked at "/" by one merge, in the order of the
// recipe: what comes later wins. The first one is the base, which BuildKit
// takes as it is without copying; Debian root file systems, the largest, come
// first wherever the recipe names them. A dependency with `from` or `to` is
// copied to its place.
//
// Each step then makes its directory with the sources in it, and runs its
// instructions one by one as `SHELL -c "set -eou pipefail; ..."`. The package
// directory is mounted read-only at /pkg. Steps have no network unless they
// ask. Tests run on a branch of their own that only reports success.
//
// Finalize copies, with owner root and the tree's epoch as time, into an empty
// file system: the package's output. A package without steps whose only
// finalize is the whole of "/" hands its dependencies on uncopied.
//
// Further outputs of a recipe are finalized from the same build. Secrets and SSH
// agents are mounts that BuildKit fills from the session of who builds: an
// operation names them, and neither it nor its result holds them.
//
// In a tree with a Pkgfile (tree.Tree.Compatible) the package directory is
// copied to /pkg instead, where steps may change it and finalize takes it from,
// cache directories are shared by all packages, and outputs are always copies.
//
// Packages are lowered several at a time. Each is marshalled at once and from
// then on is no more than its operations (operation), which keeps the memory of
// a large tree within bounds.
//
// # What the caller provides
//
//   - local "source": files named by the SHA-256 of their content, for each URL
//     source and the archive of each git source (unless Options.HTTP, which
//     makes BuildKit download them);
//   - local "made": the archive of each debian source, named by debsrc.Key;
//   - local "tree": the root of the tree, for package directories and `local`
//     sources;
//   - local "go-<SHA-256 of go.sum>": a GOPROXY file tree for each go.sum, mounted
//     read-only, with GOPROXY and GOSUMDB set for the step;
//   - OCI store "bootstrap": the images that Options.Debian names;
//   - OCI store "images": those that Options.Image names.
//
// [Inputs] tells what of these a target needs before anything is lowered;
// [Explain] tells what the result of each package depends on.
//
// The same graph and options give the same bytes, always: nothing depends on
// map order, time, or the machine.
package lower
