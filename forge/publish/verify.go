package publish

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/forge/publish/cosign"
)

// maxDocument limits what is read into memory: payloads, SBOMs.
const maxDocument = 64 << 20

// Verification is what Verify found to be true.
type Verification struct {
	Digest      v1.Hash          // of the manifest that is signed
	Payloads    []cosign.Payload // the valid signatures by the key
	Attachments []Attachment     // what else refers to the image, whole
	Manifests   int              // manifests and indexes that were checked
	Blobs       int              // configs and layers that were checked
	Bytes       int64            // total size of both
}

// Attachment is a referrer of a verified image.
type Attachment struct {
	Digest       v1.Hash
	ArtifactType string
	Signed       bool // also signed by the same key
}

// Verify checks that the target is signed by key and that nothing has been
// changed since: payload digest, signature, then every manifest, config and
// layer, children of an index and attachments included. The error is
// ErrNoSignature, ErrWrongKey, a ChangedError that names the blob, or what
// went wrong in reading. Memory use does not depend on the image's size.
func Verify(ctx context.Context, t *Target, key crypto.PublicKey) (*Verification, error) {
	payloads, err := verifySignature(ctx, t, key)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", t, err)
	}

	w := &walker{store: t.store, seen: map[v1.Hash]bool{}, result: &Verification{Digest: t.Digest(), Payloads: payloads}}

	if err := w.manifest(ctx, t.desc, "manifest"); err != nil {
		return nil, fmt.Errorf("verify %s: %w", t, err)
	}

	if err := w.attachments(ctx, t, key); err != nil {
		return nil, fmt.Errorf("verify %s: %w", t, err)
	}

	return w.result, nil
}

// verifySignature finds the signatures of t and returns the payloads of those
// by key.
func verifySignature(ctx context.Context, t *Target, key crypto.PublicKey) ([]cosign.Payload, error) {
	images, err := signatureImages(ctx, t)
	if err != nil {
		return nil, err
	}

	var (
		valid []cosign.Payload
		count int
		other error
	)

	for _, desc := range images {
		signatures, err := readSignatures(ctx, t.store, desc)
		if err != nil {
			return nil, err
		}

		for _, sig := range signatures {
			count++

			if cosign.Verify(key, sig.payload, sig.signature) != nil {
				continue
			}

			payload, err := cosign.ParsePayload(sig.payload)
			if err != nil {
				return nil, err
			}

			if payload.Digest != t.Digest().String() {
				other = fmt.Errorf("%w: the signature is for another image, %s", ErrNoSignature, payload.Digest)

				continue
			}

			valid = append(valid, payload)
		}
	}

	switch {
	case len(valid) > 0:
		return valid, nil
	case other != nil:
		return nil, other
	case count > 0:
		return nil, fmt.Errorf("%w, but %d by others", ErrWrongKey, count)
	default:
		return nil, ErrNoSignature
	}
}

// signatureImages finds the signature images of t: by tag, then as referrers.
func signatureImages(ctx context.Context, t *Target) ([]v1.Descriptor, error) {
	var found []v1.Descriptor

	desc, err := t.store.byTag(ctx, SignatureTag(t.Digest()))
	if err == nil {
		found = append(found, desc)
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}

	referrers, err := t.Referrers(ctx, cosign.ArtifactType)
	if err != nil {
		return nil, err
	}

	for _, ref := range referrers {
		if len(found) == 0 || ref.desc.Digest != found[0].Digest {
			found = append(found, ref.desc)
		}
	}

	return found, nil
}

// walker reads everything below a manifest.
type walker struct {
	store  store
	seen   map[v1.Hash]bool
	result *Verification
}

func (w *walker) manifest(ctx context.Context, desc v1.Descriptor, what string) error {
	if w.seen[desc.Digest] {
		return nil
	}

	w.seen[desc.Digest] = true

	raw, err := readManifest(ctx, w.store, desc, what)
	if err != nil {
		return err
	}

	w.result.Manifests++
	w.result.Bytes += int64(len(raw))

	h, err := parseHeader(raw)
	if err != nil {
		return err
	}

	for i, child := range h.Manifests {
		name := fmt.Sprintf("manifest %d", i+1)
		if child.Platform != nil {
			name = child.Platform.String() + " manifest"
		}

		if err := w.manifest(ctx, child, name); err != nil {
			return err
		}
	}

	if h.Config != nil {
		if err := w.blob(ctx, *h.Config, "config"); err != nil {
			return err
		}
	}

	for i, layer := range h.Layers {
		if err := w.blob(ctx, layer, fmt.Sprintf("layer %d", i+1)); err != nil {
			return err
		}
	}

	return nil
}

func (w *walker) blob(ctx context.Context, desc v1.Descriptor, what string) error {
	if w.seen[desc.Digest] {
		return nil
	}

	w.seen[desc.Digest] = true

	if err := copyBlob(ctx, w.store, desc, what, io.Discard); err != nil {
		return err
	}

	w.result.Blobs++
	w.result.Bytes += desc.Size

	return nil
}

// attachments checks what refers to t and to its children, and lists it.
func (w *walker) attachments(ctx context.Context, t *Target, key crypto.PublicKey) error {
	referrers, err := t.Referrers(ctx, "")
	if err != nil {
		return err
	}

	for _, ref := range referrers {
		if w.seen[ref.Digest()] {
			continue
		}

		what := ref.desc.ArtifactType + " manifest"
		if err := w.manifest(ctx, ref.desc, what); err != nil {
			return err
		}

		if ref.desc.ArtifactType != cosign.ArtifactType {
			signed, err := attachmentSigned(ctx, ref, key)
			if err != nil {
				return err
			}

			w.result.Attachments = append(w.result.Attachments, Attachment{
				Digest: ref.Digest(), ArtifactType: ref.desc.ArtifactType, Signed: signed,
			})
		}

		if err := w.attachments(ctx, ref, key); err != nil {
			return err
		}
	}

	if !t.IsIndex() {
		return nil
	}

	children, err := t.Children(ctx)
	if err != nil {
		return err
	}

	for _, child := range children {
		if err := w.attachments(ctx, child, key); err != nil {
			return err
		}
	}

	return nil
}

// attachmentSigned tells whether an attachment is signed by key: as a whole,
// or, if it is made of envelopes, each of those.
func attachmentSigned(ctx context.Context, ref *Target, key crypto.PublicKey) (bool, error) {
	if ref.desc.ArtifactType == EnvelopeType {
		list, err := readAttestations(ctx, ref, key)

		return len(list) > 0 && !slices.ContainsFunc(list, func(a Attestation) bool { return !a.Signed }), err
	}

	_, err := verifySignature(ctx, ref, key)
	if errors.Is(err, ErrNoSignature) || errors.Is(err, ErrWrongKey) {
		return false, nil
	}

	return err == nil, err
}

// copyBlob copies a blob to w and checks digest and size.
func copyBlob(ctx context.Context, s store, desc v1.Descriptor, what string, w io.Writer) error {
	rc, err := s.blob(ctx, desc.Digest)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rc.Close()

	check := newChecker(what, desc.Digest, desc.Size)

	_, readErr := io.Copy(io.MultiWriter(check, w), rc)
	if readErr != nil && fromRegistry(readErr) {
		return fmt.Errorf("read %s %s: %w", what, desc.Digest, readErr)
	}

	// The registry library checks too, and fails at the end of the blob; a
	// mismatch is better told in our words.
	if err := check.result(); err != nil {
		return err
	}

	if readErr != nil {
		return fmt.Errorf("read %s %s: %w", what, desc.Digest, readErr)
	}

	return nil
}

// readBlob reads a small blob into memory.
func readBlob(ctx context.Context, s store, desc v1.Descriptor, what string) ([]byte, error) {
	if desc.Size > maxDocument {
		return nil, fmt.Errorf("%s %s: %d bytes are too many", what, desc.Digest, desc.Size)
	}

	buf := &limitedBuffer{limit: maxDocument}
	if err := copyBlob(ctx, s, desc, what, buf); err != nil {
		return nil, err
	}

	return buf.data, nil
}

// limitedBuffer is a buffer that refuses to grow beyond limit, whatever the
// descriptor says.
type limitedBuffer struct {
	data  []byte
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > b.limit {
		return 0, fmt.Errorf("more than %d bytes", b.limit)
	}

	b.data = append(b.data, p...)

	return len(p), nil
}
