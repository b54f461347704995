// Package publish deals with finished images: it opens them where they are,
// signs and verifies them, attaches documents to them, and copies them between
// directories and registries.
//
// # Targets
//
// Open takes one kind of text for both places an image can be in:
//
//	oci:DIR            the only image of an OCI layout directory
//	oci:DIR:TAG        the image with that name in its index.json
//	oci:DIR@sha256:…   the manifest with that digest
//	DIR, ./DIR:TAG     the same, when DIR exists and is a layout
//	FILE, oci:FILE:TAG the same in a tar archive of a layout, to be read only
//	HOST/REPO:TAG      an image in a registry (also @sha256:…)
//
// Plain http is spoken only with a registry on this machine, or when
// Options.Insecure asks for it. Credentials come from the usual Docker
// configuration and credential helpers.
//
// # Attachments
//
// A signature, SBOM or attestation is a manifest whose `subject` is the image (OCI
// referrers, image-spec 1.1). In a registry without the referrers API the
// library maintains the fallback tag. In a layout, an attachment is an entry of
// index.json. A signature is also stored under cosign's tag sha256-<hex>.sig,
// so that tools that know only tags find it.
//
// # Verification
//
// Verify trusts nothing but the public key: it finds a signature, checks the
// payload's digest and the signature, and reads every byte of the image (and of
// what is attached to it) against the digests that hang together from the
// signed one. The tag name in index.json and its annotations are not covered
// by any digest; everything below them is.
//
// Formats: OCI image-spec 1.1 (image-layout.md, manifest.md, descriptor.md),
// OCI distribution-spec 1.1 (referrers), cosign SIGNATURE_SPEC.md.
package publish
