// Package pkgtree holds the documents of a package tree: the root document
// ([Root], written as Pkgfile or as the root's pkg.yaml) and the recipes
// ([Package], one pkg.yaml in each package directory).
//
// Field names and meanings are those of the v1alpha2 format, as its public
// documentation (github.com/siderolabs/bldr, README.md) describes it, so that
// recipes written for it are valid here. Akmon adds: version, licenses,
// homepage, upstream and description of a package, its image configuration and
// further outputs, `debian` dependencies, `git`, `image`, `debian`, `local` and
// `go` sources, patches, secrets and SSH agents of a step, reusable steps, values
// for each architecture, and the root's epoch.
//
// A recipe is a Go template; the types here describe it after rendering. They
// know nothing of variables, of the file system and of BuildKit: forge/tree
// loads, forge/graph resolves and forge/lower compiles. What one document can
// tell by itself is checked while it is decoded, so that every finding has its
// position. What a recipe says of the architecture, and the reusable steps that
// it names, are put in their place before it is decoded: see [Completion].
//
// The types are plain values: reading them is safe from several goroutines.
package pkgtree
