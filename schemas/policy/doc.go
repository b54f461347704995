// Package policy is the verification policy: a YAML document that says by whom
// the images of which repositories must be signed.
//
// It is the document ImageVerificationConfig of the machine configuration,
// as the public Talos documentation has it ("Verifying Image Signatures"), so that
// one text serves the one who publishes, the installer and the machine. Rules
// are tried from the top; the first one whose pattern matches decides. A
// pattern is compared with registry and repository, without tag and digest; its
// asterisk stands for anything, slashes included. Names are normalised first:
// `alpine` is docker.io/library/alpine.
//
// What Akmon adds: a certificate may be several public keys or certificates one
// after the other, any of which may have signed, so that keys can be
// changed without a day on which nothing is valid.
//
// [Load] decodes strictly; [Policy.Find] gives the rule for an image.
package policy
