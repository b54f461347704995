// Package result holds what the benchmarks measured, and keeps it as one JSON
// file for each part, so that the parts can be measured one at a time and the
// page is always written from all of them.
//
// Times are in seconds and sizes in bytes, unless a name says otherwise. Every
// part says when, from which revision and on which machine it was taken: only
// figures of the same part may be compared with each other.
package result
