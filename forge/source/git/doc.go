// Package git makes sources of commits in Git repositories.
//
// The program git fetches the commit, with as little history as the server
// lets it, into a bare repository that is thrown away afterwards: nothing is
// checked out, and no hook, filter or attribute of the repository has a say.
// Credentials, proxies and SSH are what the user has set up for git.
//
// What git hands over is not believed. The commit, its trees and its files are
// hashed again, so that the commit's name vouches for every byte of the archive
// (package archive) that is made of them. A file is what the commit holds:
// line ends are not converted, and a file that Git LFS stands in for is its
// pointer. A submodule is an empty directory, or its files if they are asked
// for.
//
// A repository is looked for at the mirrors of its address first; a mirror
// without the commit, or with damaged objects, is passed over.
package git
