// Package update finds newer upstream versions of what a package tree builds,
// and writes them into its documents.
//
// It stands beside the flow of a build: it loads the tree, asks where its
// packages come from, and changes nothing but text.
//
// A recipe says under `upstream` where newer versions appear:
//
//	https://github.com/OWNER/REPO               tags of the repository
//	https://github.com/OWNER/REPO/releases      releases that are not pre-releases
//	https://example.org/repo.git                tags of any Git repository (smart HTTP)
//	https://snapshot.debian.org/package/NAME/   versions of a Debian source package
//	https://example.org/releases/               a page with links to files (ends in a slash)
//
// What follows a # is a regular expression (RE2) whose first group is the
// version; without one, tags and files count that are called as those of the
// current version are. Variables are followed by the comment that trees written
// for bldr have above them: `# renovate: datasource=github-tags depName=OWNER/REPO`.
//
// [Run] changes a version where it is written: in the recipe, in a vars.yaml
// or in the root document. It then loads the tree again as it would be, sees
// which sources have another URL, downloads them, and changes their sums where
// those are written. Nothing else in the files changes. What can't be changed
// that way is an error, and leaves the files as they are.
package update
