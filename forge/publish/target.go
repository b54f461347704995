package publish

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options tell how to reach images.
type Options struct {
	// Insecure allows plain http and unknown certificates for registries
	// elsewhere; a registry on this machine needs no permission for http.
	Insecure bool
}

// store is a place that holds images: a layout or a repository.
type store interface {
	name() string
	byTag(ctx context.Context, tag string) (v1.Descriptor, error)
	byDigest(ctx context.Context, digest v1.Hash) (v1.Descriptor, error)
	manifest(ctx context.Context, digest v1.Hash) ([]byte, error) // digest may be wrong in a layout
	blob(ctx context.Context, digest v1.Hash) (io.ReadCloser, error)
	referrers(ctx context.Context, digest v1.Hash) ([]v1.Descriptor, error)
	put(ctx context.Context, a *artefact, tag string) error
}

// Target is one manifest (an image, an index or an attachment) in its place.
// It stays bound to the digest that it had when it was opened. Reading methods
// may be used concurrently.
type Target struct {
	store store
	desc  v1.Descriptor
	tag   string // the name that it was opened by, without registry and repository
}

// Open finds the image that ref means; see the package comment for the forms.
// ErrNotFound when there is none.
func Open(ctx context.Context, ref string, opts Options) (*Target, error) {
	local, ok, err := parseLayoutRef(ref)
	if err != nil {
		return nil, err
	}

	if ok {
		s, err := openLayout(local.dir)
		if err != nil {
			return nil, err
		}

		desc, err := s.find(ctx, local)
		if err != nil {
			return nil, err
		}

		return &Target{store: s, desc: desc, tag: desc.Annotations[refNameAnnotation]}, nil
	}

	s, parsed, err := openRegistry(ref, opts)
	if err != nil {
		return nil, err
	}

	desc, err := s.find(ctx, parsed)
	if err != nil {
		return nil, err
	}

	t := &Target{store: s, desc: desc}
	if tag, ok := parsed.(name.Tag); ok {
		t.tag = tag.TagStr()
	}

	return t, nil
}

// Digest is the digest of the target's manifest.
func (t *Target) Digest() v1.Hash { return t.desc.Digest }

// Descriptor describes the target's manifest: media type, digest, size and,
// for a child of an index, the platform.
func (t *Target) Descriptor() v1.Descriptor { return *t.desc.DeepCopy() }

// IsIndex tells whether the target is an index (several platforms) rather than
// one image.
func (t *Target) IsIndex() bool { return t.desc.MediaType.IsIndex() }

// Repository is registry and repository, such as registry.example/akmon/os; ""
// for a directory or an archive.
func (t *Target) Repository() string {
	if s, ok := t.store.(*registryStore); ok {
		return s.repo.Name()
	}

	return ""
}

// Tag is the name by which the target was found; "" for a digest.
func (t *Target) Tag() string { return t.tag }

// String is the place and the digest, for messages.
func (t *Target) String() string { return fmt.Sprintf("%s@%s", t.store.name(), t.desc.Digest) }

// RawManifest reads the manifest and checks its digest.
func (t *Target) RawManifest(ctx context.Context) ([]byte, error) {
	return readManifest(ctx, t.store, t.desc, "manifest")
}

// Children opens the manifests of an index in their order; none for an image.
func (t *Target) Children(ctx context.Context) ([]*Target, error) {
	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	descs, err := childrenOf(raw)
	if err != nil {
		return nil, fmt.Errorf("read index %s: %w", t.Digest(), err)
	}

	children := make([]*Target, len(descs))
	for i, desc := range descs {
		children[i] = &Target{store: t.store, desc: desc}
	}

	return children, nil
}

// ForPlatform returns the target itself when it is an image, else the child of
// the index for platform, such as {OS: "linux", Architecture: "arm64"}; nested
// indexes are searched. ErrNotFound when there is none.
func (t *Target) ForPlatform(ctx context.Context, platform v1.Platform) (*Target, error) {
	if !t.IsIndex() {
		return t, nil
	}

	children, err := t.Children(ctx)
	if err != nil {
		return nil, err
	}

	for _, child := range children {
		if p := child.desc.Platform; p != nil && p.Satisfies(platform) {
			return child.ForPlatform(ctx, platform)
		}
	}

	return nil, fmt.Errorf("platform %s in %s: %w", platform.String(), t, ErrNotFound)
}

// Blob opens a blob that the target's manifest names. The reader gives an
// error at its end when the bytes do not have the digest and size.
func (t *Target) Blob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	rc, err := t.store.blob(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}

	return &blobReader{checkedReader{rc, newChecker("blob", desc.Digest, desc.Size)}, rc}, nil
}

type blobReader struct {
	checkedReader
	io.Closer
}
