// Package gomod fetches the Go modules that a go.sum names, so that a build
// step can compile without a network.
//
// A go.sum identifies a module by its h1 sum, over the contents of its zip
// file or of its go.mod (golang.org/x/mod/sumdb/dirhash), not by a sum of the
// file itself. Files therefore enter the store when their h1 sum is right, and
// the store's folder h1 remembers which SHA-256 that is.
//
// Looked for are, in this order: the store, the machine's module cache
// (GOMODCACHE), and the proxies of GOPROXY, with the meaning that the go
// command gives to commas and pipes in it. "direct" is not supported: a
// module that only a version control system has must be in the module cache.
// No proxy is asked for modules that GONOPROXY or GOPRIVATE name.
//
// [ProxyDir] lays the modules out as a GOPROXY file tree:
//
//	GOPROXY=file:///the/directory GOFLAGS=-mod=readonly go build ./...
package gomod
