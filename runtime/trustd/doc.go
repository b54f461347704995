// Package trustd gives machines without the authority's key, the workers, the
// certificate that their apid serves with.
//
// It has three ends. [Issuer] is machined's: it holds the authority's key, checks
// the caller's token and signs. [Run] is the process trustd of a control plane:
// it faces the network, has no privileges and no key but its own, and passes each
// request on to the issuer through a local socket. [Client] is the worker's.
//
// The wire contract is the documented one: securityapi.SecurityService on port
// 50001 over TLS, with the machine's token in the call's metadata.
package trustd
