// Package tree loads a package tree: the root document, the variables, the
// recipes and the templated files of every package, checked strictly.
//
// A tree is a directory with a Pkgfile, or with a root pkg.yaml, and any
// number of packages: directories with a pkg.yaml, at any depth. Directories
// whose name begins with a dot are not looked at. In a tree with a root
// pkg.yaml neither are those beginning with an underscore, those named
// testdata, and those that hold a tree of their own.
//
// Recipes, vars.yaml and *.tmpl files are Go templates (see forge/tree/render).
// Their variables, each level overriding the ones before:
//
//  1. the standard variables ([Tree.Env]), PLATFORM, BUILDPLATFORM and GOARCH;
//  2. build arguments, as BUILD_ARG_<name>;
//  3. vars of the root document;
//  4. vars.yaml of each directory from the root down; each is itself a
//     template that sees what is above it.
//
// Each output of a recipe (`outputs`) is a package of its own, without steps,
// that knows the one whose steps make it ([Package.Recipe]).
//
// A tree with a Pkgfile means what bldr takes it to mean ([Tree.Compatible]).
//
// Since templates see the platform, a Tree is for one pair of platforms: the
// one that the packages are for and the one that the steps run on.
// [Tree.For] gives the same files for another pair without reading them again.
//
// Load reports every finding of every file together, with positions in the
// files as they were written: see render.Map.
//
// Nothing is read from outside the tree's directory: it is opened as an
// os.Root, which follows neither symbolic links nor ".." out of it.
package tree
