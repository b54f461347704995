// Package cosign speaks the formats of sigstore's cosign with nothing but the
// standard library's cryptography: key pairs, the "simple signing" payload
// and its signature. Where these are stored is the business of the parent
// package.
//
// Sources: cosign's specs/SIGNATURE_SPEC.md (payload, annotation, tag name);
// containers-signature(5), section "JSON data format" (the payload's fields);
// go-securesystemslib's encrypted package (the private key's envelope: scrypt
// and NaCl secretbox around PKCS #8).
//
// Signatures are deterministic: ECDSA nonces follow RFC 6979, Ed25519 and RSA
// PKCS #1 v1.5 have none. Signing the same image twice with one key therefore
// gives the same bytes.
package cosign
