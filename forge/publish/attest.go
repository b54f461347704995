package publish

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/akmon-os/akmon/forge/publish/cosign"
)

// Names that attestations have.
const (
	// InTotoType is the media type of an in-toto statement: of one that is
	// attached unsigned, and of what is in a signed envelope.
	InTotoType = "application/vnd.in-toto+json"
	// EnvelopeType is the media and artifact type of a signed statement.
	EnvelopeType = "application/vnd.dsse.envelope.v1+json"
	// PredicateAnnotation says what an attached statement is about.
	PredicateAnnotation = "in-toto.io/predicate-type"

	cosignPredicate   = "predicateType" // cosign's name for it, on the layer
	attestationSuffix = ".att"
)

// AttestationTag is the tag under which cosign looks for attestations about
// digest.
func AttestationTag(digest v1.Hash) string {
	return digest.Algorithm + "-" + digest.Hex + attestationSuffix
}

// Attest attaches an in-toto statement about the target. With a key it is
// signed in a DSSE envelope and stored as cosign stores attestations: under the
// tag sha256-<hex>.att and as a referrer. Without one it is a plain
// attachment. An earlier attestation of this predicate is replaced in a
// layout; the tag is replaced everywhere.
func Attest(ctx context.Context, t *Target, statement []byte, predicateType string, key crypto.Signer) error {
	annotations := map[string]string{PredicateAnnotation: predicateType}

	if key == nil {
		_, err := t.Attach(ctx, InTotoType, statement, annotations)

		return err
	}

	envelope, err := seal(statement, key)
	if err != nil {
		return fmt.Errorf("attest %s: %w", t, err)
	}

	layers, blobs, err := keptAttestations(ctx, t, predicateType, key.Public())
	if err != nil {
		return fmt.Errorf("attest %s: %w", t, err)
	}

	layer := describe(EnvelopeType, envelope)
	// cosign wants the first annotation to be there, and empty.
	layer.Annotations = map[string]string{cosign.Annotation: "", cosignPredicate: predicateType}
	layers, blobs = append(layers, layer), append(blobs, envelope)

	config, err := signatureConfig(layers)
	if err != nil {
		return fmt.Errorf("attest %s: %w", t, err)
	}

	a, err := newArtefact(t.desc, EnvelopeType, describe(types.OCIConfigJSON, config), layers, annotations,
		append(blobs, config)...)
	if err != nil {
		return fmt.Errorf("attest %s: %w", t, err)
	}

	if err := t.replace(ctx, a, AttestationTag(t.Digest())); err != nil {
		return fmt.Errorf("attest %s: %w", t, err)
	}

	return nil
}

// keptAttestations reads what is under the tag already: statements about
// other things, and by other keys.
func keptAttestations(ctx context.Context, t *Target, predicateType string, key crypto.PublicKey) ([]v1.Descriptor, [][]byte, error) {
	desc, err := t.store.byTag(ctx, AttestationTag(t.Digest()))
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}

	stored, err := readAttestations(ctx, &Target{store: t.store, desc: desc}, key)
	if err != nil {
		return nil, nil, err
	}

	var (
		layers []v1.Descriptor
		blobs  [][]byte
	)

	for _, a := range stored {
		if a.Signed && a.layer.Annotations[cosignPredicate] == predicateType {
			continue
		}

		layers, blobs = append(layers, a.layer), append(blobs, a.blob)
	}

	return layers, blobs, nil
}

// seal signs a statement (DSSE v1.0, envelope.md and protocol.md).
func seal(statement []byte, key crypto.Signer) ([]byte, error) {
	signature, err := cosign.Sign(key, dsse.PAE(InTotoType, statement))
	if err != nil {
		return nil, err
	}

	return json.Marshal(dsse.Envelope{
		PayloadType: InTotoType,
		Payload:     base64.StdEncoding.EncodeToString(statement),
		Signatures:  []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(signature)}},
	})
}

// Attestation is an in-toto statement that is attached to an image.
type Attestation struct {
	Statement []byte
	// Signed tells that it is in an envelope that one of the keys asked about
	// has signed.
	Signed bool

	layer v1.Descriptor
	blob  []byte
}

// Statements reads the in-toto statements that are attached to the target, as
// referrers or under cosign's tag, and tells which are signed by key (nil: none
// is). The signature of a statement that is not in an envelope is that of its
// manifest.
func Statements(ctx context.Context, t *Target, key crypto.PublicKey) ([]Attestation, error) {
	places, err := t.Referrers(ctx, "")
	if err != nil {
		return nil, err
	}

	desc, err := t.store.byTag(ctx, AttestationTag(t.Digest()))
	if err == nil {
		places = append(places, &Target{store: t.store, desc: desc})
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}

	var found []Attestation

	seen := map[v1.Hash]bool{}

	for _, place := range places {
		if place.ArtifactType() == cosign.ArtifactType || seen[place.Digest()] {
			continue
		}

		seen[place.Digest()] = true

		list, err := readAttestations(ctx, place, key)
		if err != nil {
			return nil, err
		}

		found = append(found, list...)
	}

	return found, nil
}

// readAttestations reads the statements of one manifest: layers of other kinds
// are passed over.
func readAttestations(ctx context.Context, place *Target, key crypto.PublicKey) ([]Attestation, error) {
	raw, err := place.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}

	var found []Attestation

	for i, layer := range h.Layers {
		if layer.MediaType != InTotoType && layer.MediaType != EnvelopeType {
			continue
		}

		blob, err := readBlob(ctx, place.store, layer, fmt.Sprintf("attestation %d", i+1))
		if err != nil {
			return nil, err
		}

		a := Attestation{Statement: blob}

		if layer.MediaType == EnvelopeType {
			if a, err = unseal(blob, key); err != nil {
				return nil, fmt.Errorf("read attestation %s: %w", layer.Digest, err)
			}
		} else if key != nil {
			_, err := verifySignature(ctx, place, key)
			if err != nil && !errors.Is(err, ErrNoSignature) && !errors.Is(err, ErrWrongKey) {
				return nil, err
			}

			a.Signed = err == nil
		}

		a.layer, a.blob = layer, blob
		found = append(found, a)
	}

	return found, nil
}

func unseal(envelope []byte, key crypto.PublicKey) (Attestation, error) {
	var e dsse.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return Attestation{}, fmt.Errorf("parse envelope: %w", err)
	}

	if e.PayloadType != InTotoType {
		return Attestation{}, fmt.Errorf("the envelope holds %q, not a statement", e.PayloadType)
	}

	payload, err := e.DecodeB64Payload()
	if err != nil {
		return Attestation{}, fmt.Errorf("parse envelope: %w", err)
	}

	a := Attestation{Statement: payload}

	for _, s := range e.Signatures {
		signature, err := base64.StdEncoding.DecodeString(s.Sig)
		if err != nil || key == nil {
			continue
		}

		if err := cosign.Verify(key, dsse.PAE(InTotoType, payload), signature); err == nil {
			a.Signed = true
		} else if !errors.Is(err, cosign.ErrSignature) {
			return Attestation{}, err
		}
	}

	return a, nil
}

// PredicateType is what the statement says that it is about; "" if it says
// nothing that can be read.
func (a Attestation) PredicateType() string {
	var s struct {
		PredicateType string `json:"predicateType"`
	}

	_ = json.Unmarshal(a.Statement, &s)

	return s.PredicateType
}
