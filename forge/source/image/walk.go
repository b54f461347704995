package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source"
)

// algorithm begins the digests that a store can hold.
const algorithm = "sha256:"

// maxManifest is what registries accept at most (distribution-spec v1.1).
const maxManifest = 4 << 20

// document is an index or a manifest; which one, its fields tell.
type document struct {
	MediaType string                `json:"mediaType"`
	Manifests []ocispecs.Descriptor `json:"manifests"`
	Config    *ocispecs.Descriptor  `json:"config"`
	Layers    []ocispecs.Descriptor `json:"layers"`
}

// parse reads an index or a manifest. One that could be both is neither: what
// it means would depend on who reads it.
func parse(data []byte) (document, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("read manifest: %w", err)
	}

	switch {
	case d.Manifests != nil && (d.Config != nil || d.Layers != nil):
		return d, errors.New("read manifest: it has both manifests and layers")
	case d.Manifests == nil && d.Config == nil:
		return d, errors.New("read manifest: it is neither an index nor an image's manifest")
	case d.MediaType != "" && images.IsIndexType(d.MediaType) != (d.Manifests != nil):
		return d, fmt.Errorf("read manifest: it is not what its media type %s says", d.MediaType)
	}

	return d, nil
}

// choose picks the manifest for a platform; of several, the one that fits best.
func choose(descs []ocispecs.Descriptor, platform ocispecs.Platform) (ocispecs.Descriptor, bool) {
	match := platforms.Only(platform)

	var fitting []ocispecs.Descriptor

	for _, desc := range descs {
		if desc.Platform != nil && match.Match(*desc.Platform) {
			fitting = append(fitting, desc)
		}
	}

	if len(fitting) == 0 {
		return ocispecs.Descriptor{}, false
	}

	slices.SortStableFunc(fitting, func(a, b ocispecs.Descriptor) int {
		switch {
		case match.Less(*a.Platform, *b.Platform):
			return -1
		case match.Less(*b.Platform, *a.Platform):
			return 1
		default:
			return 0
		}
	})

	return fitting[0], true
}

// walk goes from a digest down to all blobs of one platform's image. Before
// it reads a manifest, and at last for configuration and layers, get is called
// to see to it that they are there; kind is their folder in a registry.
func (f *fetcher) walk(ctx context.Context, root string, get func(ctx context.Context, kind string, descs []ocispecs.Descriptor) error) (Image, error) {
	image := Image{Ref: f.wanted.Ref.String(), Root: root, Manifest: root}

	for range 3 {
		if err := get(ctx, "manifests", []ocispecs.Descriptor{{Digest: digest.Digest(image.Manifest)}}); err != nil {
			return Image{}, err
		}

		data, err := readManifest(ctx, f.store, image.Manifest)
		if err != nil {
			return Image{}, err
		}

		image.add(image.Manifest, int64(len(data)))

		doc, err := parse(data)
		if err != nil {
			return Image{}, fmt.Errorf("%s: %w", f.wanted.Ref, err)
		}

		if doc.Config == nil {
			chosen, ok := choose(doc.Manifests, f.wanted.Platform)
			if !ok {
				return Image{}, fmt.Errorf("%s has no image for %s", f.wanted.Ref, platforms.Format(f.wanted.Platform))
			}

			image.Manifest = chosen.Digest.String()

			continue
		}

		parts := append([]ocispecs.Descriptor{*doc.Config}, doc.Layers...)
		if err := get(ctx, "blobs", parts); err != nil {
			return Image{}, err
		}

		for _, part := range parts {
			image.add(part.Digest.String(), part.Size)
		}

		return image, nil
	}

	return Image{}, fmt.Errorf("%s: an index within an index within an index", f.wanted.Ref)
}

func (i *Image) add(digest string, size int64) {
	if sum := strings.TrimPrefix(digest, algorithm); !slices.Contains(i.Blobs, sum) {
		i.Blobs = append(i.Blobs, sum)
		i.Size += size
	}
}

func readManifest(ctx context.Context, store *source.Store, digest string) ([]byte, error) {
	meta, err := store.Lookup(ctx, strings.TrimPrefix(digest, algorithm))
	if err != nil {
		return nil, err
	}

	if meta.Size > maxManifest {
		return nil, fmt.Errorf("manifest %s has %d bytes, more than %d", digest, meta.Size, maxManifest)
	}

	file, err := os.Open(store.Path(meta.SHA256))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer file.Close()

	data, err := io.ReadAll(io.LimitReader(file, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}

	return data, nil
}

// Find returns the image if the store has all of it. Otherwise the error is
// fs.ErrNotExist; it never uses the network.
func Find(ctx context.Context, store *source.Store, ref Reference, platform ocispecs.Platform) (Image, error) {
	root := ref.Digest()

	if root == "" {
		var err error
		if root, err = Recorded(store, ref); err != nil {
			return Image{}, err
		}
	}

	f := &fetcher{wanted: Wanted{Ref: ref, Platform: platform}, store: store}

	return f.walk(ctx, root, func(ctx context.Context, _ string, descs []ocispecs.Descriptor) error {
		for _, desc := range descs {
			sum, ok := strings.CutPrefix(desc.Digest.String(), algorithm)
			if !ok {
				return fmt.Errorf("%s: %w", desc.Digest, fs.ErrNotExist)
			}

			if _, err := store.Lookup(ctx, sum); err != nil {
				return err
			}
		}

		return nil
	})
}
