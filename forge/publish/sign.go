package publish

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/akmon-os/akmon/forge/publish/cosign"
)

// SignOptions are what a signer may say beside the digest.
type SignOptions struct {
	// Identity is the name under which the image is published
	// (`docker-reference`), such as "registry.example/akmon/installer".
	// Default: the repository's name, or nothing in a layout.
	Identity string
	// Annotations go into the signed payload's `optional` part.
	Annotations map[string]string
}

// SignatureTag is the tag under which cosign looks for signatures of digest.
func SignatureTag(digest v1.Hash) string {
	return digest.Algorithm + "-" + digest.Hex + cosign.TagSuffix
}

// Sign signs the target's manifest and stores the signature as the tag
// sha256-<hex>.sig and as a referrer. Signatures by other keys are kept; signing
// again with the same key and options gives the same bytes. The digest signed
// covers everything below it, so an index needs no signature per child.
func Sign(ctx context.Context, t *Target, key crypto.Signer, opts SignOptions) error {
	// Never sign what cannot be read back as it should be.
	if _, err := t.RawManifest(ctx); err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	payload, err := payloadFor(t, opts).Marshal()
	if err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	signature, err := cosign.Sign(key, payload)
	if err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	// A key that does not match itself (a broken token) must not go unnoticed.
	if err := cosign.Verify(key.Public(), payload, signature); err != nil {
		return fmt.Errorf("sign %s: check the new signature: %w", t, err)
	}

	layers, blobs, err := keptSignatures(ctx, t, key.Public())
	if err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	layer := describe(cosign.MediaType, payload)
	layer.Annotations = map[string]string{cosign.Annotation: base64.StdEncoding.EncodeToString(signature)}
	layers, blobs = append(layers, layer), append(blobs, payload)

	config, err := signatureConfig(layers)
	if err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	a, err := newArtefact(t.desc, cosign.ArtifactType, describe(types.OCIConfigJSON, config), layers, nil,
		append(blobs, config)...)
	if err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	if err := t.store.put(ctx, a, SignatureTag(t.Digest())); err != nil {
		return fmt.Errorf("sign %s: %w", t, err)
	}

	return nil
}

func payloadFor(t *Target, opts SignOptions) cosign.Payload {
	p := cosign.Payload{Digest: t.Digest().String(), Identity: opts.Identity}

	if p.Identity == "" {
		// The path of a directory is nobody's business, and would make the
		// signature depend on it.
		if name := t.store.name(); !strings.HasPrefix(name, layoutPrefix) {
			p.Identity = name
		}
	}

	if len(opts.Annotations) > 0 {
		p.Optional = map[string]any{}
		for k, v := range opts.Annotations {
			p.Optional[k] = v
		}
	}

	return p
}

// keptSignatures reads the signatures by other keys that are already stored
// under the tag.
func keptSignatures(ctx context.Context, t *Target, key crypto.PublicKey) ([]v1.Descriptor, [][]byte, error) {
	desc, err := t.store.byTag(ctx, SignatureTag(t.Digest()))
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}

	stored, err := readSignatures(ctx, t.store, desc)
	if err != nil {
		return nil, nil, err
	}

	var (
		layers []v1.Descriptor
		blobs  [][]byte
	)

	for _, sig := range stored {
		if cosign.Verify(key, sig.payload, sig.signature) == nil {
			continue
		}

		layers, blobs = append(layers, sig.layer), append(blobs, sig.payload)
	}

	return layers, blobs, nil
}

// signatureConfig is the image config of a signature image: cosign makes it a
// formally valid image, whose layers are the payloads.
func signatureConfig(layers []v1.Descriptor) ([]byte, error) {
	config := v1.ConfigFile{RootFS: v1.RootFS{Type: "layers"}}

	for _, layer := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
		config.History = append(config.History, v1.History{})
	}

	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("marshal config: %w", err)
	}

	return data, nil
}

// storedSignature is one layer of a signature image.
type storedSignature struct {
	layer     v1.Descriptor
	payload   []byte
	signature []byte
}

// readSignatures reads a signature image; every blob is checked against its
// digest. Layers of other media types are skipped.
func readSignatures(ctx context.Context, s store, desc v1.Descriptor) ([]storedSignature, error) {
	raw, err := readManifest(ctx, s, desc, "signature manifest")
	if err != nil {
		return nil, err
	}

	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}

	var found []storedSignature

	for i, layer := range h.Layers {
		if layer.MediaType != cosign.MediaType {
			continue
		}

		payload, err := readBlob(ctx, s, layer, fmt.Sprintf("signature payload %d", i+1))
		if err != nil {
			return nil, err
		}

		signature, err := base64.StdEncoding.DecodeString(layer.Annotations[cosign.Annotation])
		if err != nil {
			return nil, fmt.Errorf("decode signature in %s: %w", desc.Digest, err)
		}

		found = append(found, storedSignature{layer: layer, payload: payload, signature: signature})
	}

	return found, nil
}
