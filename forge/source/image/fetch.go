package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source"
)

// Image is one platform's image in a store.
type Image struct {
	// Ref is the reference in full.
	Ref string
	// Root is the digest that the reference means: that of an index where
	// there is one. Manifest is that of the platform's manifest.
	Root, Manifest string
	// Blobs are the SHA-256 of all that it consists of, Root and Manifest
	// first, without repetitions.
	Blobs []string
	// Size is that of all blobs, in bytes.
	Size int64
}

// StoreRef is what BuildKit calls the image in the OCI store that [Content]
// gives.
func (i Image) StoreRef() string { return storeName + "@" + i.Manifest }

const storeName = "akmon.local/image"

// Resolve asks the registry, or its mirrors, which digest a reference means
// now. A reference with a digest is not asked about.
func Resolve(ctx context.Context, store *source.Store, ref Reference) (string, error) {
	if digest := ref.Digest(); digest != "" {
		return digest, nil
	}

	if store.Offline() {
		return "", fmt.Errorf("resolve %s: the store is offline", ref)
	}

	places, err := places(store, ref)
	if err != nil {
		return "", err
	}

	digest, err := newRegistries(places).resolve(ctx)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", ref, err)
	}

	return digest, nil
}

// places are the repositories to try: those of mirrors, then its own.
func places(store *source.Store, ref Reference) ([]Reference, error) {
	var list []Reference

	if mirrors := store.Mirrors(); mirrors != nil {
		for _, place := range mirrors.Rewrite(ref.url()) {
			// A folder on a disk may be a mirror of files, not of images.
			if strings.HasPrefix(place, "file:") {
				continue
			}

			moved, err := ref.at(place)
			if err != nil {
				return nil, err
			}

			list = append(list, moved)
		}
	}

	return append(list, ref), nil
}

// Wanted is an image that a recipe asks for.
type Wanted struct {
	Ref      Reference
	Platform ocispecs.Platform
	// Package and Position are for messages, as in source.Source.
	Package, Position string
}

// Fetch sees to it that the store has the image, downloading what is missing.
// Offline, a missing part is a *source.FetchError.
func Fetch(ctx context.Context, store *source.Store, w Wanted) (Image, error) {
	digest := w.Ref.Digest()

	if digest == "" {
		var err error
		if digest, err = tagged(ctx, store, w); err != nil {
			return Image{}, err
		}
	}

	pinned := w.Ref.Pinned(digest)

	places, err := places(store, pinned)
	if err != nil {
		return Image{}, err
	}

	f := &fetcher{
		wanted: w, base: pinned.endpoint(),
		store: store.With(&http.Client{Transport: newRegistries(places)}, bases(places)),
	}

	image, err := f.image(ctx, digest)
	if err != nil {
		return Image{}, err
	}

	if w.Ref.Digest() == "" {
		err = remember(store, w.Ref, digest)
	}

	return image, err
}

// tagged is what a tag means: what its registry says, or offline what it said
// last.
func tagged(ctx context.Context, store *source.Store, w Wanted) (string, error) {
	if !store.Offline() {
		digest, err := Resolve(ctx, store, w.Ref)
		if err != nil && w.Position != "" {
			err = fmt.Errorf("%s: %w", w.Position, err)
		}

		return digest, err
	}

	digest, err := Recorded(store, w.Ref)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &source.FetchError{Source: w.source(w.Ref.String(), ""), Offline: true}
	}

	return digest, err
}

func (w Wanted) source(url, digest string) source.Source {
	return source.Source{Package: w.Package, URL: url, SHA256: strings.TrimPrefix(digest, algorithm), Position: w.Position}
}

// bases rewrites URLs below the last of several repositories to the others.
type bases []Reference

// Rewrite implements source.Rewriter.
func (b bases) Rewrite(url string) []string {
	rest, ok := strings.CutPrefix(url, b[len(b)-1].endpoint())
	if !ok {
		return nil
	}

	var urls []string
	for _, ref := range b[:len(b)-1] {
		urls = append(urls, ref.endpoint()+rest)
	}

	return urls
}

// fetcher brings the parts of one image into the store.
type fetcher struct {
	store  *source.Store
	wanted Wanted
	base   string
}

func (f *fetcher) image(ctx context.Context, digest string) (Image, error) {
	return f.walk(ctx, digest, func(ctx context.Context, kind string, descs []ocispecs.Descriptor) error {
		sources := make([]source.Source, len(descs))

		for i, desc := range descs {
			if !strings.HasPrefix(desc.Digest.String(), algorithm) {
				return fmt.Errorf("%s: %s has a part with the digest %s; only SHA-256 is known", f.wanted.Position, f.wanted.Ref, desc.Digest)
			}

			sources[i] = f.wanted.source(f.base+"/"+kind+"/"+desc.Digest.String(), desc.Digest.String())
		}

		_, err := f.store.FetchAll(ctx, sources)

		return err
	})
}
