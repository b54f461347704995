// Package step is the other half of the frontend: what its image does when the
// build graph runs it as a step (see package frontend). There it finds its
// input at fixed places, each a mount, and leaves its result in [Output].
package step
