// Package generate makes the configurations of a new cluster: its secrets, the
// machine configuration of a control plane node and of a worker, and the client
// configuration of its administrator.
//
// What they hold is what the public documentation of `talosctl gen config` and
// `talosctl gen secrets` describes (docs.siderolabs.com, Talos v1.13), so the
// files work with either program. Time and randomness are inputs: the same
// [Input] with the same [Secrets] gives the same bytes.
package generate
