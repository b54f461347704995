// Package process starts and reaps the processes of a machine.
//
// PID 1 inherits every orphan and must wait for each; a second waiter for the
// same child would lose its exit status to the first. So this package is the
// only one that waits: it starts children itself (os/exec must not be used
// beside it) and hands each status to whoever started the child.
//
// A child gets only what it needs: its own user, and a capability bounding set
// from which what it must never have is gone for good. The bounding set belongs
// to a thread, so it is dropped on a thread that exists to fork this one child
// and is thrown away afterwards; there is no wrapper program between.
package process
