package cosign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// Names that the storage of signatures uses.
const (
	// MediaType is the payload's media type (the layer of a signature image).
	MediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	// Annotation is the layer annotation that holds the base64 signature.
	Annotation = "dev.cosignproject.cosign/signature"
	// ArtifactType is what cosign calls a signature among OCI referrers.
	ArtifactType = "application/vnd.dev.cosign.artifact.sig.v1+json"
	// TagSuffix ends the tag `sha256-<hex>.sig` of a signature image.
	TagSuffix = ".sig"

	payloadType = "cosign container image signature"
	maxPayload  = 1 << 20
)

var (
	// ErrPayload means that signed bytes are not a payload of cosign's form.
	ErrPayload = errors.New("malformed signature payload")
	// ErrSignature means that a signature does not belong to key and payload.
	ErrSignature = errors.New("signature does not match the key")

	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// Payload is what gets signed: which image, under which name, and what the
// signer adds.
type Payload struct {
	Digest   string         // digest of the manifest, `sha256:<hex>`
	Identity string         // docker-reference; informative, verifiers compare the digest
	Optional map[string]any // the signer's annotations; nil is usual
}

// document is the JSON form. Field order is the order in which cosign writes.
type document struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// Marshal writes the payload as compact JSON, byte for byte as cosign does.
func (p Payload) Marshal() ([]byte, error) {
	if !digestPattern.MatchString(p.Digest) {
		return nil, fmt.Errorf("%w: digest %q is not sha256", ErrPayload, p.Digest)
	}

	var doc document

	doc.Critical.Identity.DockerReference = p.Identity
	doc.Critical.Image.Digest = p.Digest
	doc.Critical.Type = payloadType
	doc.Optional = p.Optional

	data, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("marshal payload: %w", err)
	}

	return data, nil
}

// ParsePayload reads a payload of at most 1 MiB. Unknown fields are allowed,
// trailing data, another type and other digests than sha256 are not.
func ParsePayload(data []byte) (Payload, error) {
	if len(data) > maxPayload {
		return Payload{}, fmt.Errorf("%w: %d bytes are too many", ErrPayload, len(data))
	}

	var doc document

	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		return Payload{}, fmt.Errorf("%w: %w", ErrPayload, err)
	}

	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Payload{}, fmt.Errorf("%w: data after the document", ErrPayload)
	}

	if doc.Critical.Type != payloadType {
		return Payload{}, fmt.Errorf("%w: type is %q", ErrPayload, doc.Critical.Type)
	}

	if !digestPattern.MatchString(doc.Critical.Image.Digest) {
		return Payload{}, fmt.Errorf("%w: digest %q is not sha256", ErrPayload, doc.Critical.Image.Digest)
	}

	return Payload{
		Digest:   doc.Critical.Image.Digest,
		Identity: doc.Critical.Identity.DockerReference,
		Optional: doc.Optional,
	}, nil
}

// Sign signs payload: ECDSA (ASN.1, deterministic by RFC 6979) and RSA PKCS
// #1 v1.5 over its SHA-256, Ed25519 over the bytes themselves.
func Sign(key crypto.Signer, payload []byte) ([]byte, error) {
	message, opts := payload, crypto.SignerOpts(crypto.Hash(0))

	if _, ok := key.Public().(ed25519.PublicKey); !ok {
		sum := sha256.Sum256(payload)
		message, opts = sum[:], crypto.SHA256
	}

	// Without a random source an ECDSA key takes its nonce from RFC 6979.
	signature, err := key.Sign(nil, message, opts)
	if err != nil {
		return nil, fmt.Errorf("sign payload: %w", err)
	}

	return signature, nil
}

// Verify checks a signature that Sign (or cosign) made; ErrSignature when it
// does not match.
func Verify(key crypto.PublicKey, payload, signature []byte) error {
	sum := sha256.Sum256(payload)
	ok := false

	switch key := key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(key, sum[:], signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, payload, signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	default:
		return fmt.Errorf("%w: keys of type %T are not supported", ErrKey, key)
	}

	if !ok {
		return ErrSignature
	}

	return nil
}
