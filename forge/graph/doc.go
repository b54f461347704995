// Package graph resolves the dependencies of a package tree: which packages
// are needed, for which platforms, and in which order.
//
// A [Node] is a package for a pair of platforms (what it is for, and what its
// steps run on); a package that is wanted for two pairs is two nodes. Nearly
// always all nodes have the pair that the tree was loaded for. Others come
// from `platform` of a dependency and `buildPlatform` of a package:
//
//   - a dependency without `platform` is for the platform of the package that
//     wants it; if that package has a `buildPlatform`, the dependency is for the
//     build platform instead, since it is there to run;
//   - a dependency with `platform` is for that one, built on the tree's build
//     platform where the tree cross-compiles ([tree.Tree.Cross]), else on itself.
//
// Runtime dependencies reach through: whoever depends on a package also gets
// what the package marks `runtime`, and what that marks in turn
// ([Node.Inputs]).
//
// An output of a recipe is a node whose first edge leads to the recipe's. Its
// other edges are what comes with it: whoever depends on the output gets them,
// but making it takes the recipe alone.
//
// A Graph does not change once it is resolved. Nodes are in topological order,
// what is needed before what needs it; it follows the order of the targets (of
// their names, when there are none) and of the dependencies in the recipes, so
// that it is the same on every run.
package graph
