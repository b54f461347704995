// Package client talks to the machine API: gRPC over TLS, where both sides
// show a certificate of the cluster's authority, or, for a machine that has no
// configuration yet, where neither is checked (maintenance mode).
//
// The messages and services are those of the public API
// (github.com/siderolabs/talos/pkg/machinery/api); resources are read by the
// state protocol of github.com/cosi-project/runtime. A client connects to the
// endpoints of its context, in turn, and names in the metadata of each call
// the machines that the call is for ("node" for one, "nodes" for several, as
// documented): the endpoint passes it on. A call that names none is for the
// endpoint itself.
//
// [Explain] turns what goes wrong below a call into a sentence that says what
// to do about it.
package client
