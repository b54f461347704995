package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

const (
	copyJobs     = 4
	copyAttempts = 3
	retryDelay   = 200 * time.Millisecond
)

// destination is a store that takes whole manifests from elsewhere.
type destination interface {
	store
	// take copies t with everything below it.
	take(ctx context.Context, t *Target) error
	// list makes t, already taken, findable: by tag, or without one by digest.
	list(ctx context.Context, t *Target, tag string) error
}

// Push copies t with all that is attached to it (signatures, SBOMs, and what
// is attached to those and to an index's children) to a registry reference.
// What the registry has already is not sent again, so that a push that was cut
// off goes on where it stopped. The tag is set last: who sees it, sees the
// signature too.
func Push(ctx context.Context, t *Target, ref string, opts Options) (*Target, error) {
	s, parsed, err := openRegistry(ref, opts)
	if err != nil {
		return nil, err
	}

	tag := ""
	if named, ok := parsed.(name.Tag); ok {
		tag = named.TagStr()
	} else if parsed.Identifier() != t.Digest().String() {
		return nil, fmt.Errorf("push %s to %s: the digests differ", t, parsed)
	}

	if err := copyAll(ctx, t, s, tag); err != nil {
		return nil, fmt.Errorf("push %s to %s: %w", t, parsed, err)
	}

	return &Target{store: s, desc: t.desc, tag: tag}, nil
}

// Pull copies t with all that is attached to it into an OCI layout, made if
// need be: `oci:DIR[:TAG]` or a path. Without a tag it keeps the one it was
// opened by. Every byte is checked on the way; the entry in index.json comes
// last.
func Pull(ctx context.Context, t *Target, layout string) (*Target, error) {
	r, _, err := parseLayoutRef(layoutPrefix + strings.TrimPrefix(layout, layoutPrefix))
	if err != nil {
		return nil, err
	}

	if r.digest != (v1.Hash{}) {
		return nil, fmt.Errorf("pull to %s: name the directory by a tag, not a digest", layout)
	}

	_, statErr := os.Stat(r.dir)

	s, err := createLayout(r.dir)
	if err != nil {
		return nil, err
	}

	tag := r.tag
	if tag == "" {
		tag = t.tag
	}

	if err := copyAll(ctx, t, s, tag); err != nil {
		if errors.Is(statErr, os.ErrNotExist) {
			err = errors.Join(err, os.RemoveAll(r.dir))
		}

		return nil, fmt.Errorf("pull %s to %s: %w", t, s.name(), err)
	}

	return &Target{store: s, desc: t.desc, tag: tag}, nil
}

// copyAll copies t, then what refers to it, then sets the tag.
func copyAll(ctx context.Context, t *Target, to destination, tag string) error {
	if err := to.take(ctx, t); err != nil {
		return err
	}

	if err := copyAttachments(ctx, t, to, map[v1.Hash]bool{t.Digest(): true}); err != nil {
		return err
	}

	return to.list(ctx, t, tag)
}

func copyAttachments(ctx context.Context, t *Target, to destination, seen map[v1.Hash]bool) error {
	images, err := signatureImages(ctx, t)
	if err != nil {
		return err
	}

	others, err := t.Referrers(ctx, "")
	if err != nil {
		return err
	}

	// The tag belongs to the first signature image, the one that cosign sees.
	tag := SignatureTag(t.Digest())

	for _, desc := range images {
		others = append([]*Target{{store: t.store, desc: desc, tag: tag}}, others...)
		tag = ""
	}

	// What cosign attested is found by its tag alone.
	desc, err := t.store.byTag(ctx, AttestationTag(t.Digest()))
	if err == nil {
		others = append([]*Target{{store: t.store, desc: desc, tag: AttestationTag(t.Digest())}}, others...)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}

	for _, other := range others {
		if seen[other.Digest()] {
			continue
		}

		seen[other.Digest()] = true

		if err := to.take(ctx, other); err != nil {
			return err
		}

		if err := copyAttachments(ctx, other, to, seen); err != nil {
			return err
		}

		if err := to.list(ctx, other, other.tag); err != nil {
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
		if err := copyAttachments(ctx, child, to, seen); err != nil {
			return err
		}
	}

	return nil
}

// take pushes a manifest by its digest.
func (s *registryStore) take(ctx context.Context, t *Target) error {
	return s.push(ctx, s.repo.Digest(t.Digest().String()), t)
}

// list pushes a manifest by tag; by its digest it is there already.
func (s *registryStore) list(ctx context.Context, t *Target, tag string) error {
	if tag == "" {
		return nil
	}

	return s.push(ctx, s.repo.Tag(tag), t)
}

func (s *registryStore) push(ctx context.Context, ref name.Reference, t *Target) error {
	var (
		content remote.Taggable
		err     error
	)

	if t.IsIndex() {
		content, err = t.Index(ctx)
	} else {
		content, err = t.Image(ctx)
	}

	if err != nil {
		return err
	}

	if err := s.pusher.Push(ctx, ref, content); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}

	return nil
}

// take copies blobs first, then manifests from the bottom up.
func (s *layoutStore) take(ctx context.Context, t *Target) error {
	return s.takeManifest(ctx, t.store, t.desc)
}

// list writes the entry in index.json.
func (s *layoutStore) list(_ context.Context, t *Target, tag string) error {
	desc := t.Descriptor()
	delete(desc.Annotations, refNameAnnotation)

	return s.putEntry(desc, tag)
}

func (s *layoutStore) takeManifest(ctx context.Context, from store, desc v1.Descriptor) error {
	raw, err := readManifest(ctx, from, desc, "manifest")
	if err != nil {
		return err
	}

	h, err := parseHeader(raw)
	if err != nil {
		return err
	}

	for _, child := range h.Manifests {
		if err := s.takeManifest(ctx, from, child); err != nil {
			return err
		}
	}

	blobs := h.Layers
	if h.Config != nil {
		blobs = append(blobs, *h.Config)
	}

	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(copyJobs)

	for _, blob := range blobs {
		g.Go(func() error { return s.takeBlob(gctx, from, blob) })
	}

	if err := g.Wait(); err != nil {
		return err
	}

	return s.putBlob(desc.Digest, strings.NewReader(string(raw)))
}

// takeBlob copies one blob; what a bad connection cuts off is tried again.
func (s *layoutStore) takeBlob(ctx context.Context, from store, desc v1.Descriptor) error {
	var err error

	for attempt := range copyAttempts {
		if attempt > 0 {
			if err := pause(ctx, retryDelay<<attempt); err != nil {
				return err
			}
		}

		if err = s.tryBlob(ctx, from, desc); err == nil || ctx.Err() != nil || errors.Is(err, ErrNotFound) {
			return err
		}
	}

	return err
}

func (s *layoutStore) tryBlob(ctx context.Context, from store, desc v1.Descriptor) error {
	if s.has(desc.Digest) {
		return nil
	}

	rc, err := from.blob(ctx, desc.Digest)
	if err != nil {
		return err
	}
	defer rc.Close()

	return s.putBlob(desc.Digest, rc)
}
