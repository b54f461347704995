package publish

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// backoff is how often and how fast requests are repeated that the registry
// answers with 408, 429 or 5xx, or not at all: four times in about 8 seconds.
var backoff = remote.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 5}

// registryStore is one repository of a registry.
type registryStore struct {
	repo   name.Repository
	puller *remote.Puller
	pusher *remote.Pusher
}

// openRegistry parses ref and prepares access; nothing is sent yet.
func openRegistry(ref string, o Options) (*registryStore, name.Reference, error) {
	var nameOpts []name.Option
	if o.Insecure {
		nameOpts = append(nameOpts, name.Insecure)
	}

	parsed, err := name.ParseReference(ref, nameOpts...)
	if err != nil {
		return nil, nil, fmt.Errorf("parse image reference: %w", err)
	}

	opts := []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("akmon"),
		remote.WithTransport(resumer{guard(o.Insecure)}),
		remote.WithRetryBackoff(backoff),
	}

	s := &registryStore{repo: parsed.Context()}

	if s.puller, err = remote.NewPuller(opts...); err != nil {
		return nil, nil, fmt.Errorf("prepare registry access: %w", err)
	}

	if s.pusher, err = remote.NewPusher(opts...); err != nil {
		return nil, nil, fmt.Errorf("prepare registry access: %w", err)
	}

	return s, parsed, nil
}

// plainGuard refuses plain http to other machines. The library itself would
// fall back to it for private addresses and names that end in .local.
type plainGuard struct{ inner http.RoundTripper }

func (g plainGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !isLoopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("refusing plain http to %s (allow it with --insecure)", req.URL.Host)
	}

	return g.inner.RoundTrip(req)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)

	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func guard(insecure bool) http.RoundTripper {
	if !insecure {
		return plainGuard{remote.DefaultTransport}
	}

	if t, ok := remote.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for by --insecure

		return t
	}

	return remote.DefaultTransport
}

func (s *registryStore) name() string { return s.repo.Name() }

func (s *registryStore) find(ctx context.Context, ref name.Reference) (v1.Descriptor, error) {
	got, err := s.puller.Get(ctx, ref)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("get image %s: %w", ref, notFound(err))
	}

	desc := got.Descriptor
	desc.Annotations = nil

	return desc, nil
}

func (s *registryStore) byTag(ctx context.Context, tag string) (v1.Descriptor, error) {
	return s.find(ctx, s.repo.Tag(tag))
}

func (s *registryStore) byDigest(ctx context.Context, digest v1.Hash) (v1.Descriptor, error) {
	return s.find(ctx, s.repo.Digest(digest.String()))
}

func (s *registryStore) manifest(ctx context.Context, digest v1.Hash) ([]byte, error) {
	got, err := s.puller.Get(ctx, s.repo.Digest(digest.String()))
	if err != nil {
		if err = notFound(err); !fromRegistry(err) {
			// The library compares the digest and has no error value for it.
			return nil, &ChangedError{What: "manifest", Want: digest, Got: err.Error()}
		}

		return nil, fmt.Errorf("get manifest %s: %w", digest, err)
	}

	return got.Manifest, nil
}

func (s *registryStore) blob(ctx context.Context, digest v1.Hash) (io.ReadCloser, error) {
	layer, err := s.puller.Layer(ctx, s.repo.Digest(digest.String()))
	if err != nil {
		return nil, fmt.Errorf("get blob %s: %w", digest, notFound(err))
	}

	rc, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("get blob %s: %w", digest, notFound(err))
	}

	return rc, nil
}

func (s *registryStore) referrers(ctx context.Context, digest v1.Hash) ([]v1.Descriptor, error) {
	index, err := remote.Referrers(s.repo.Digest(digest.String()), remote.Reuse(s.puller), remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("list referrers of %s: %w", digest, err)
	}

	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("list referrers of %s: %w", digest, err)
	}

	return manifest.Manifests, nil
}

func (s *registryStore) put(ctx context.Context, a *artefact, tag string) error {
	img, err := a.image()
	if err != nil {
		return err
	}

	var ref name.Reference = s.repo.Digest(a.desc.Digest.String())
	if tag != "" {
		ref = s.repo.Tag(tag)
	}

	if err := s.pusher.Push(ctx, ref, img); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}

	return nil
}

// notFound marks the registry's 404 as ErrNotFound.
func notFound(err error) error {
	var terr *transport.Error
	if errors.As(err, &terr) && terr.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}

	return err
}

// fromRegistry tells whether err is an answer of the registry or a failure to
// reach it, rather than a complaint about bytes that did arrive.
func fromRegistry(err error) bool {
	var (
		answer *transport.Error
		netErr net.Error
	)

	return errors.As(err, &answer) || errors.As(err, &netErr) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
