// Package apid is the machine's front door: it ends mTLS, reads the caller's
// roles from the certificate, and passes calls on, to machined over a Unix
// socket or to the apid of another node.
//
// It runs as its own process, as a user of its own and without capabilities: it
// is the one program that parses what strangers send. It never holds the
// authority's key; machined gives it a server certificate, and a client
// certificate with the role os:impersonator for calls to other nodes.
//
// A call whose metadata has `nodes` goes to each of them and the answers are
// joined, each with its node's name; `node` names one, and the answer is passed
// on untouched. Neither means this node.
package apid
