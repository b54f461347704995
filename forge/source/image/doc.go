// Package image keeps base images in a source store.
//
// An image is a manifest, a configuration and layers (image-spec v1.1), each
// named by its digest. They enter the store like any other source, as files
// named by their SHA-256, with its retries, resumption and checks; nothing
// tells them from a tarball. Beside them the store's folder images has one
// small file for each reference, that says which digest it meant when it was
// last asked for:
//
//	images/<SHA-256 of the reference>.json   {"ref": "…", "digest": "sha256:…"}
//
// A reference with a digest needs no such file: it means the same for ever. A
// tag is asked for at its registry each time, unless the store is offline or
// the tree's lock pins it.
//
// Only what one platform needs is fetched: of an index, the manifest for that
// platform and all that it names.
//
// # Registries and mirrors
//
// Credentials are those of the Docker configuration with its helpers. Plain
// HTTP is spoken to this machine alone, and to mirrors that are written with
// http://. Mirrors are the rules of forge/source/mirror, applied to the
// image's name as a URL: with
//
//	prefix: https://docker.io/
//	replacements: [https://mirror.example/hub/]
//
// docker.io/library/alpine:3.22 is tried as mirror.example/hub/library/alpine
// first. A tag is resolved by the first registry that answers; the bytes are
// checked against the digest wherever they come from.
package image
