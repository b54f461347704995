package image

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// accepted are the kinds of manifests that are understood. A registry that is
// not told may answer with one of an older kind, whose digest is another.
var accepted = strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")

// registries is a RoundTripper for several repositories, each with its own
// credentials. Requests to hosts that are none of them, as after a redirect,
// pass without any.
type registries struct {
	base  http.RoundTripper
	repos []*repository
}

// repository logs in when it is first used.
type repository struct {
	ref  Reference
	once sync.Once
	rt   http.RoundTripper
	err  error
}

func newRegistries(refs []Reference) *registries {
	r := &registries{base: guard{inner: remote.DefaultTransport, plain: map[string]bool{}}}

	for _, ref := range refs {
		r.repos = append(r.repos, &repository{ref: ref})

		if ref.plain {
			r.base.(guard).plain[ref.Context().RegistryStr()] = true
		}
	}

	return r
}

// RoundTrip implements http.RoundTripper.
func (r *registries) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, repo := range r.repos {
		base := "/v2/" + repo.ref.Context().RepositoryStr() + "/"
		if req.URL.Host != repo.ref.Context().RegistryStr() || !strings.HasPrefix(req.URL.Path, base) {
			continue
		}

		rt, err := repo.transport(req.Context(), r.base)
		if err != nil {
			return nil, err
		}

		if req = req.Clone(req.Context()); strings.HasPrefix(req.URL.Path, base+"manifests/") {
			req.Header.Set("Accept", accepted)
		}

		return rt.RoundTrip(req)
	}

	return r.base.RoundTrip(req)
}

// loginPause is how long after each failure the log-in is tried again.
var loginPause = transport.Backoff{Duration: 300 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}

func (r *repository) transport(ctx context.Context, base http.RoundTripper) (http.RoundTripper, error) {
	r.once.Do(func() {
		repo := r.ref.Context()

		auth, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
		if err != nil {
			r.err = fmt.Errorf("find credentials for %s: %w", repo.RegistryStr(), err)

			return
		}

		patient := transport.NewRetry(base, transport.WithRetryBackoff(loginPause), transport.WithRetryStatusCodes(
			http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout))

		login, err := transport.NewWithContext(ctx, repo.Registry, auth, patient, []string{repo.Scope(transport.PullScope)})
		if err != nil {
			r.err = fmt.Errorf("log in to %s: %w", repo.RegistryStr(), err)

			return
		}

		r.rt = login
	})

	return r.rt, r.err
}

// guard refuses plain http to other machines than this one, which the library
// would fall back to for private addresses.
type guard struct {
	inner http.RoundTripper
	plain map[string]bool // hosts for which it is wanted
}

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !isLoopback(req.URL.Hostname()) && !g.plain[req.URL.Host] {
		return nil, fmt.Errorf("refusing plain http to %s", req.URL.Host)
	}

	return g.inner.RoundTrip(req)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)

	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// resolve asks the registries in their order what a tag means.
func (r *registries) resolve(ctx context.Context) (string, error) {
	var errs []error

	for _, repo := range r.repos {
		rt, err := repo.transport(ctx, r.base)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		got, err := remote.Get(repo.ref.Reference, remote.WithContext(ctx), remote.WithTransport(rt))
		if err == nil {
			return got.Digest.String(), nil
		}

		errs = append(errs, fmt.Errorf("%s: %w", repo.ref, err))

		if ctx.Err() != nil {
			break
		}
	}

	return "", errors.Join(errs...)
}
