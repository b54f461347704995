// Package source keeps every external input of a build by its content.
//
// A [Store] is a directory. A source is looked for in it by SHA-256; if it is
// not there, at each mirror in turn; and at last at the URL that the recipe
// names. Whatever arrives is hashed while it is written to a temporary file
// and gets its place by rename only when SHA-256 and SHA-512 are both as
// wanted, so that what has a name in the store is complete and right.
//
// # Layout
//
//	sha256/<hex>     the files; nothing but files named by their SHA-256
//	meta/<hex>.json  size, SHA-512, inode and origin, as they were when hashed
//	partial/         downloads under way, or interrupted; files being imported
//	h1/<hex>         names of Go module files: their h1 sum to their SHA-256
//	go/<hex>/        GOPROXY file trees, by the SHA-256 of a go.sum
//	made/<hex>       archives made of the files, by a digest of what they are made of
//	images/<hex>.json what the tags of base images meant (package image)
//	quarantine/      what [Store.Verify] put aside
//	exports/         journal of exports that are being written
//	store.lock       flock: shared by builds, exclusive while garbage is collected
//
// The folder sha256 is handed to BuildKit as a local directory with include
// patterns. All files have mode 0644 and the Unix epoch as modification time,
// so that neither leaks into a build; a later change of a file therefore shows
// in its modification time.
//
// # Trust
//
// A file is hashed when it enters. After that, its size, inode and time must
// match what meta recorded; anything else makes it be hashed again, and
// dropped if it is wrong. [Store.Verify] hashes all files.
//
// # Interruption
//
// A download that breaks off leaves what arrived under partial, and the next
// one goes on from there with a Range request. Bytes that turn out wrong are
// removed, and so is everything that a full disk cut short.
//
// Any number of goroutines and processes may use one store: a partial file is
// locked (flock) by the one who downloads, the others wait and find the file.
package source
