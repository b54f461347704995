// Package bundle carries a source store, or a part of it, from one machine to
// another as one tar file.
//
// The first entry is akmon-store.json. It lists all that follows:
//
//	{
//	  "format": "akmon-store/v1",
//	  "files":   [{"sha256": "…", "sha512": "…", "size": 1, "package": "…", "url": "…"}],
//	  "modules": [{"h1": "…", "sha256": "…"}],
//	  "images":  [{"ref": "docker.io/library/alpine:3.22", "digest": "sha256:…"}]
//	}
//
// Then come the files, sha256/<hex>, in the order of the list, which is that of
// their sums. Times, owners and modes are constant: the same contents give the
// same bytes. Nothing is compressed; most sources are.
//
// [Import] believes nothing but what it can check: every file is hashed,
// every Go module's h1 sum is computed. What a tag meant where the bundle was
// made can't be checked by anybody; a tree's lock decides over it.
package bundle
