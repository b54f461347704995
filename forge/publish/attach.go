package publish

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// emptyConfig is the config of a manifest that has none (image-spec,
// manifest.md, "Guidance for an Empty Descriptor").
const emptyConfig types.MediaType = "application/vnd.oci.empty.v1+json"

// Artifact and media types of bills of materials in JSON.
const (
	SPDXType      = "application/spdx+json"
	CycloneDXType = "application/vnd.cyclonedx+json"
)

// artefact is a small manifest in memory with the blobs that it names.
type artefact struct {
	raw   []byte
	desc  v1.Descriptor
	blobs map[v1.Hash][]byte
}

// newArtefact makes a manifest whose subject is subject.
func newArtefact(subject v1.Descriptor, artifactType string, config v1.Descriptor, layers []v1.Descriptor,
	annotations map[string]string, blobs ...[]byte,
) (*artefact, error) {
	manifest := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  artifactType,
		Config:        config,
		Layers:        layers,
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:   annotations,
	}

	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("marshal manifest: %w", err)
	}

	a := &artefact{
		raw: raw,
		desc: v1.Descriptor{
			MediaType:    types.OCIManifestSchema1,
			Digest:       digestOf(raw),
			Size:         int64(len(raw)),
			ArtifactType: artifactType,
		},
		blobs: map[v1.Hash][]byte{},
	}

	for _, blob := range blobs {
		a.blobs[digestOf(blob)] = blob
	}

	return a, nil
}

// describe is the descriptor of a blob.
func describe(mediaType types.MediaType, blob []byte) v1.Descriptor {
	return v1.Descriptor{MediaType: mediaType, Digest: digestOf(blob), Size: int64(len(blob))}
}

// image presents the artefact to the registry library.
func (a *artefact) image() (v1.Image, error) {
	img, err := partial.CompressedToImage(artefactCore{a})
	if err != nil {
		return nil, fmt.Errorf("read artefact: %w", err)
	}

	return img, nil
}

type artefactCore struct{ a *artefact }

func (c artefactCore) RawManifest() ([]byte, error)        { return c.a.raw, nil }
func (c artefactCore) MediaType() (types.MediaType, error) { return c.a.desc.MediaType, nil }

func (c artefactCore) RawConfigFile() ([]byte, error) {
	h, err := parseHeader(c.a.raw)
	if err != nil {
		return nil, err
	}

	return c.a.blobs[h.Config.Digest], nil
}

func (c artefactCore) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	h, err := parseHeader(c.a.raw)
	if err != nil {
		return nil, err
	}

	for _, desc := range append(h.Layers, *h.Config) {
		if desc.Digest == digest {
			return static.NewLayer(c.a.blobs[digest], desc.MediaType), nil
		}
	}

	return nil, fmt.Errorf("blob %s: %w", digest, ErrNotFound)
}

// Attach stores content as an artefact that refers to the target: a manifest
// with an empty config, content as its one layer and the target as subject.
// artifactType is also the layer's media type. The same arguments give the
// same digest; in a layout, an earlier attachment of this type is replaced. The
// returned target is the artefact, which may be signed in turn.
func (t *Target) Attach(ctx context.Context, artifactType string, content []byte, annotations map[string]string) (*Target, error) {
	config := []byte("{}")

	a, err := newArtefact(t.desc, artifactType,
		describe(emptyConfig, config),
		[]v1.Descriptor{describe(types.MediaType(artifactType), content)},
		annotations, config, content)
	if err != nil {
		return nil, err
	}

	if err := t.replace(ctx, a, ""); err != nil {
		return nil, fmt.Errorf("attach %s to %s: %w", artifactType, t.Digest(), err)
	}

	return &Target{store: t.store, desc: a.desc}, nil
}

// replace stores an artefact, and drops from a layout what it takes the place
// of: attachments of its type, attestations of its predicate. Registries keep
// what they have.
func (t *Target) replace(ctx context.Context, a *artefact, tag string) error {
	if err := t.store.put(ctx, a, tag); err != nil {
		return err
	}

	if s, ok := t.store.(*layoutStore); ok {
		return s.supersede(ctx, a)
	}

	return nil
}

// Referrers lists what is attached to the target (signatures among it), in the
// store's order. artifactType filters; "" lists everything. The type is taken
// from each manifest, because registries disagree about it.
func (t *Target) Referrers(ctx context.Context, artifactType string) ([]*Target, error) {
	descs, err := t.store.referrers(ctx, t.desc.Digest)
	if err != nil {
		return nil, err
	}

	var found []*Target

	for _, desc := range descs {
		raw, err := readManifest(ctx, t.store, desc, "manifest")
		if err != nil {
			return nil, fmt.Errorf("list referrers: %w", err)
		}

		desc.ArtifactType = artifactTypeOf(raw)

		if artifactType == "" || desc.ArtifactType == artifactType {
			found = append(found, &Target{store: t.store, desc: desc})
		}
	}

	return found, nil
}

// ArtifactType is the kind of an attachment; for an image it is what the place
// says of it, usually "".
func (t *Target) ArtifactType() string { return t.desc.ArtifactType }

// Content reads the single layer of an artefact that Attach made, checked
// against its digest. At most 64 MiB.
func (t *Target) Content(ctx context.Context) ([]byte, error) {
	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}

	if len(h.Layers) != 1 {
		return nil, fmt.Errorf("%s is not a document: it has %d layers", t, len(h.Layers))
	}

	return readBlob(ctx, t.store, h.Layers[0], "layer 1")
}
