package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image presents the target as an image of the registry library. Its reads use
// ctx; layers are checked against their digest when they are read to the end.
func (t *Target) Image(ctx context.Context) (v1.Image, error) {
	if t.IsIndex() {
		return nil, fmt.Errorf("%s is an index of several images: say which platform", t)
	}

	if _, err := t.RawManifest(ctx); err != nil {
		return nil, err
	}

	img, err := partial.CompressedToImage(imageView{ctx, t})
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", t, err)
	}

	return img, nil
}

// Index presents the target as an index of the registry library.
func (t *Target) Index(ctx context.Context) (v1.ImageIndex, error) {
	if !t.IsIndex() {
		return nil, fmt.Errorf("%s is an image, not an index", t)
	}

	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	return indexView{ctx: ctx, target: t, raw: raw}, nil
}

// imageView is the part of an image from which the library makes the rest.
type imageView struct {
	ctx    context.Context //nolint:containedctx // the library's interface has no context
	target *Target
}

func (v imageView) RawManifest() ([]byte, error)        { return v.target.RawManifest(v.ctx) }
func (v imageView) MediaType() (types.MediaType, error) { return v.target.desc.MediaType, nil }

func (v imageView) descriptors() (header, error) {
	raw, err := v.RawManifest()
	if err != nil {
		return header{}, err
	}

	h, err := parseHeader(raw)
	if err == nil && h.Config == nil {
		err = errors.New("the manifest has no config")
	}

	return h, err
}

func (v imageView) RawConfigFile() ([]byte, error) {
	h, err := v.descriptors()
	if err != nil {
		return nil, err
	}

	return readBlob(v.ctx, v.target.store, *h.Config, "config")
}

func (v imageView) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	h, err := v.descriptors()
	if err != nil {
		return nil, err
	}

	for _, desc := range append(h.Layers, *h.Config) {
		if desc.Digest == digest {
			return layerView{v.ctx, v.target, desc}, nil
		}
	}

	return nil, fmt.Errorf("layer %s in %s: %w", digest, v.target, ErrNotFound)
}

type layerView struct {
	ctx    context.Context //nolint:containedctx // as above
	target *Target
	desc   v1.Descriptor
}

func (v layerView) Digest() (v1.Hash, error)            { return v.desc.Digest, nil }
func (v layerView) Size() (int64, error)                { return v.desc.Size, nil }
func (v layerView) MediaType() (types.MediaType, error) { return v.desc.MediaType, nil }
func (v layerView) Descriptor() (*v1.Descriptor, error) { return v.desc.DeepCopy(), nil }
func (v layerView) Compressed() (io.ReadCloser, error)  { return v.target.Blob(v.ctx, v.desc) }

type indexView struct {
	ctx    context.Context //nolint:containedctx // as above
	target *Target
	raw    []byte
}

func (v indexView) RawManifest() ([]byte, error)        { return v.raw, nil }
func (v indexView) MediaType() (types.MediaType, error) { return v.target.desc.MediaType, nil }
func (v indexView) Digest() (v1.Hash, error)            { return v.target.desc.Digest, nil }
func (v indexView) Size() (int64, error)                { return int64(len(v.raw)), nil }
func (v indexView) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(v.raw))
}

func (v indexView) Image(digest v1.Hash) (v1.Image, error) {
	child, err := v.child(digest)
	if err != nil {
		return nil, err
	}

	return child.Image(v.ctx)
}

func (v indexView) ImageIndex(digest v1.Hash) (v1.ImageIndex, error) {
	child, err := v.child(digest)
	if err != nil {
		return nil, err
	}

	return child.Index(v.ctx)
}

func (v indexView) child(digest v1.Hash) (*Target, error) {
	descs, err := childrenOf(v.raw)
	if err != nil {
		return nil, err
	}

	for _, desc := range descs {
		if desc.Digest == digest {
			return &Target{store: v.target.store, desc: desc}, nil
		}
	}

	return nil, fmt.Errorf("manifest %s in %s: %w", digest, v.target, ErrNotFound)
}
