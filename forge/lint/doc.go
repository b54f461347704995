// Package lint finds what is allowed in a package tree but likely not meant.
//
// A [Rule] is a value: it has a name, says what it finds and why that matters,
// and has a page in docs/lint, which is generated from it. A finding is
// silenced where it is, with a reason, by a comment on its line or in the lines
// of comments right above it:
//
//	# lint: RULE: why this is right here
//	- image: registry.example.org/tools:v1
//
// A silencing comment that has no reason, names no rule, or silences nothing is
// a finding itself, so that none outlives what it was written for.
package lint
