// Package clientconfig reads and writes the client configuration: which
// machines a person talks to, and with which certificate.
//
// The format is the documented one of talosctl ("talosconfig": context and
// contexts with endpoints, nodes, ca, crt, key; docs.siderolabs.com, Talos
// v1.13, "talosctl"), so that one file serves both programs. It is looked for at
// the documented places, see [Find].
//
// The file holds private keys: it is written with mode 0600, under a temporary
// name that is renamed, so that a crash leaves either the old file or the new.
package clientconfig
