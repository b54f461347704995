package image_test

import (
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

// fake is a registry that asks for a password and can fail.
type fake struct {
	http.Handler

	host string

	mu       sync.Mutex
	requests []string
	// fault sees each request of a blob or manifest, and may answer it.
	fault func(n int, w http.ResponseWriter, r *http.Request) (answered bool)
}

const user, password = "somebody", "secret"

func newFake(t *testing.T) *fake {
	t.Helper()

	f := &fake{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)

	f.host = strings.TrimPrefix(server.URL, "http://")

	config := t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)

	text := `{"auths":{"` + f.host + `":{"username":"` + user + `","password":"` + password + `"}}}`
	if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u, p, _ := r.BasicAuth(); u != user || p != password {
		w.Header().Set("WWW-Authenticate", `Basic realm="fake"`)
		w.WriteHeader(http.StatusUnauthorized)

		return
	}

	f.mu.Lock()
	n := len(f.requests)

	if r.Method == http.MethodGet && r.URL.Path != "/v2/" {
		f.requests = append(f.requests, r.URL.Path)
	}

	fault := f.fault
	f.mu.Unlock()

	if fault != nil && r.Method == http.MethodGet && r.URL.Path != "/v2/" && fault(n, w, r) {
		return
	}

	f.Handler.ServeHTTP(w, r)
}

// push makes an index of two platforms and returns the digests of it and of
// what it has for linux/arm64.
func (f *fake) push(t *testing.T, ref string) (index, arm string) {
	t.Helper()

	var made v1.ImageIndex = empty.Index

	for _, platform := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}} {
		img, err := random.Image(100_000, 2)
		if err != nil {
			t.Fatal(err)
		}

		made = mutate.AppendManifests(made, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &platform}})

		if digest, err := img.Digest(); err == nil {
			arm = digest.String()
		}
	}

	tag, err := name.NewTag(f.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}

	if err := remote.WriteIndex(tag, made, remote.WithTransport(login{})); err != nil {
		t.Fatal(err)
	}

	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}

	f.requests = nil

	return digest.String(), arm
}

type login struct{}

func (login) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(user, password)

	return http.DefaultTransport.RoundTrip(r)
}

func open(t *testing.T, o source.Options) *source.Store {
	t.Helper()

	o.Backoff = func(int) time.Duration { return 0 }

	s, err := source.Open(filepath.Join(t.TempDir(), "store"), o)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func wanted(t *testing.T, ref, platform string) image.Wanted {
	t.Helper()

	parsed, err := image.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}

	return image.Wanted{Ref: parsed, Platform: platforms.MustParse(platform), Package: "thing", Position: "pkg.yaml:3:12"}
}

func TestFetch(t *testing.T) {
	f := newFake(t)
	index, arm := f.push(t, "os/base:1")
	store := open(t, source.Options{})
	w := wanted(t, f.host+"/os/base:1", "linux/arm64")

	got, err := image.Fetch(t.Context(), store, w)
	if err != nil {
		t.Fatal(err)
	}

	// The index, a manifest, a configuration, two layers; none of the other
	// platform.
	if got.Root != index || got.Manifest != arm || len(got.Blobs) != 5 || got.Size < 200_000 {
		t.Errorf("got %+v", got)
	}

	metas, err := store.List(t.Context())
	if err != nil || len(metas) != 5 {
		t.Errorf("the store holds %d files, %v", len(metas), err)
	}

	// What the store has is not fetched again; the tag is asked for.
	f.requests = nil

	if again, err := image.Fetch(t.Context(), store, w); err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("%+v, %v", again, err)
	}

	if diff := cmp.Diff([]string{"/v2/os/base/manifests/1"}, f.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}

	for _, ref := range []string{w.Ref.String(), w.Ref.Pinned(index).String()} {
		offline, err := source.Open(store.Root(), source.Options{Offline: true})
		if err != nil {
			t.Fatal(err)
		}

		w := wanted(t, ref, "linux/arm64")

		if again, err := image.Fetch(t.Context(), offline, w); err != nil || again.Manifest != arm {
			t.Errorf("offline %s: %+v, %v", ref, again, err)
		}

		if found, err := image.Find(t.Context(), offline, w.Ref, w.Platform); err != nil || cmp.Diff(got.Blobs, found.Blobs) != "" {
			t.Errorf("find %s: %+v, %v", ref, found, err)
		}

		w.Platform = platforms.MustParse("linux/amd64")

		missing := new(source.FetchError)
		if _, err := image.Fetch(t.Context(), offline, w); !errors.As(err, &missing) || !missing.Offline {
			t.Errorf("offline for another platform: %v", err)
		}

		if _, err := image.Find(t.Context(), offline, w.Ref, w.Platform); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("find for another platform: %v", err)
		}
	}

	w.Platform = platforms.MustParse("linux/riscv64")
	if _, err := image.Fetch(t.Context(), store, w); err == nil || !strings.Contains(err.Error(), "has no image for linux/riscv64") {
		t.Errorf("got %v", err)
	}
}

// TestFaults has a registry that recovers from what it does wrong.
func TestFaults(t *testing.T) {
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request, f *fake){
		"429": func(w http.ResponseWriter, _ *http.Request, _ *fake) { w.WriteHeader(http.StatusTooManyRequests) },
		"500": func(w http.ResponseWriter, _ *http.Request, _ *fake) { w.WriteHeader(http.StatusInternalServerError) },
		"drops the connection": func(http.ResponseWriter, *http.Request, *fake) {
			panic(http.ErrAbortHandler)
		},
		"truncates a blob": func(w http.ResponseWriter, r *http.Request, f *fake) {
			recorded := httptest.NewRecorder()
			f.Handler.ServeHTTP(recorded, r)

			w.Header().Set("Content-Length", strconv.Itoa(recorded.Body.Len()))
			w.Write(recorded.Body.Bytes()[:recorded.Body.Len()/2]) //nolint:errcheck // it is cut anyway
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			_, arm := f.push(t, "os/base:1")

			seen := map[string]bool{}
			f.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				f.mu.Lock()
				first := !seen[r.URL.Path] && !strings.HasSuffix(r.URL.Path, "/1")
				seen[r.URL.Path] = true
				f.mu.Unlock()

				if first {
					fault(w, r, f)
				}

				return first
			}

			got, err := image.Fetch(t.Context(), open(t, source.Options{}), wanted(t, f.host+"/os/base:1", "linux/arm64"))
			if err != nil || got.Manifest != arm {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestWrongBytes has a registry that lies, and a second one that does not.
func TestWrongBytes(t *testing.T) {
	f := newFake(t)
	_, arm := f.push(t, "os/base:1")

	f.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || strings.Contains(r.URL.Path, "/mirror/") {
			return false
		}

		w.Write([]byte("something else")) //nolint:errcheck // the client notices

		return true
	}

	_, err := image.Fetch(t.Context(), open(t, source.Options{}), wanted(t, f.host+"/os/base:1", "linux/arm64"))

	wrong := new(source.SumError)
	if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "pkg.yaml:3:12: thing: wrong checksum of http://"+f.host+"/v2/os/base/blobs/sha256:") {
		t.Errorf("got %v", err)
	}

	// The same repository elsewhere; one mirror is nobody, one is a folder.
	fault := f.fault
	f.fault = nil
	copyRepository(t, f, "os/base:1", "mirror/os/base:1")
	f.fault = fault

	store := open(t, source.Options{Mirrors: mirror.Rules{
		{Prefix: "https://" + f.host + "/", Replacement: "http://127.0.0.1:1/"},
		{Prefix: "https://" + f.host + "/", Replacement: "file:///nowhere/"},
		{Prefix: "https://" + f.host + "/", Replacement: "http://" + f.host + "/mirror/"},
	}})

	if got, err := image.Fetch(t.Context(), store, wanted(t, f.host+"/os/base:1", "linux/arm64")); err != nil || got.Manifest != arm {
		t.Errorf("by the mirror: %+v, %v", got, err)
	}
}

func copyRepository(t *testing.T, f *fake, from, to string) {
	t.Helper()

	index, err := remote.Index(must(name.NewTag(f.host+"/"+from)), remote.WithTransport(login{}))
	if err == nil {
		err = remote.WriteIndex(must(name.NewTag(f.host+"/"+to)), index, remote.WithTransport(login{}))
	}

	if err != nil {
		t.Fatal(err)
	}
}

func must(tag name.Tag, err error) name.Tag {
	if err != nil {
		panic(err)
	}

	return tag
}

func TestErrors(t *testing.T) {
	f := newFake(t)

	for ref, want := range map[string]string{
		f.host + "/os/missing:1":                                      "pkg.yaml:3:12: resolve " + f.host + "/os/missing:1",
		f.host + "/os/missing@sha256:" + strings.Repeat("0", 64):      "404",
		"192.168.255.255:1/os/base@sha256:" + strings.Repeat("0", 64): "refusing plain http",
	} {
		if _, err := image.Fetch(t.Context(), open(t, source.Options{}), wanted(t, ref, "linux/arm64")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", ref, err)
		}
	}

	for _, ref := range []string{"", "a b", "UPPER/case", "https://example.org/a", "a@sha256:0"} {
		if _, err := image.Parse(ref); err == nil {
			t.Errorf("%q was taken", ref)
		}
	}
}

func TestRecords(t *testing.T) {
	store := open(t, source.Options{})

	meta, err := store.Add(t.Context(), strings.NewReader("{}"), "", "")
	if err != nil {
		t.Fatal(err)
	}

	here := image.Record{Ref: "docker.io/library/alpine:3.22", Digest: "sha256:" + meta.SHA256}
	gone := image.Record{Ref: "example.org/gone:1", Digest: "sha256:" + strings.Repeat("0", 64)}

	for _, r := range []image.Record{here, gone} {
		if err := r.Save(store); err != nil {
			t.Fatal(err)
		}
	}

	for _, bad := range []image.Record{{Ref: "alpine", Digest: here.Digest}, {Ref: here.Ref, Digest: "sha256:0"}, {Ref: here.Ref + "@" + here.Digest, Digest: here.Digest}} {
		if err := bad.Save(store); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}

	if got, err := image.Records(store); err != nil || !slices.Equal(got, []image.Record{here, gone}) {
		t.Errorf("%v, %v", got, err)
	}

	if err := errors.Join(os.WriteFile(filepath.Join(store.Root(), "images/x.json"), []byte("{"), 0o644), image.DropRecords(store)); err != nil {
		t.Fatal(err)
	}

	if got, err := image.Records(store); err != nil || !slices.Equal(got, []image.Record{here}) || len(glob(t, store.Root()+"/images/*")) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()

	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}

	return list
}

func TestContent(t *testing.T) {
	store := open(t, source.Options{})

	meta, err := store.Add(t.Context(), strings.NewReader("some bytes"), "", "")
	if err != nil {
		t.Fatal(err)
	}

	blobs := image.Content(store)
	here := ocispecs.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, meta.SHA256), Size: 10}

	if data, err := content.ReadBlob(t.Context(), blobs, here); err != nil || string(data) != "some bytes" {
		t.Errorf("%q, %v", data, err)
	}

	if info, err := blobs.Info(t.Context(), here.Digest); err != nil || info.Size != 10 {
		t.Errorf("%+v, %v", info, err)
	}

	for _, bad := range []digest.Digest{"sha256:../../etc/passwd", "sha512:0", ""} {
		if _, err := blobs.Info(t.Context(), bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}

	if _, err := blobs.ReaderAt(t.Context(), ocispecs.Descriptor{Digest: digest.FromString("absent")}); !errdefs.IsNotFound(err) {
		t.Errorf("got %v", err)
	}

	if _, err := blobs.Writer(t.Context()); !errdefs.IsNotImplemented(err) || !errdefs.IsNotImplemented(blobs.Delete(t.Context(), here.Digest)) {
		t.Errorf("it can be written to: %v", err)
	}
}

// FuzzManifest walks whatever a store has under an image's digest.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"sha256:0","platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"config":{"digest":"sha256:../x"},"layers":[]}`))
	f.Add([]byte(`{"config":{},"manifests":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		store := open(t, source.Options{Offline: true})

		meta, err := store.Add(t.Context(), strings.NewReader(string(data)), "", "")
		if err != nil {
			t.Fatal(err)
		}

		w := wanted(t, "example.org/a@sha256:"+meta.SHA256, "linux/amd64")

		// Nothing else is there, so that nothing can be complete.
		if got, err := image.Find(t.Context(), store, w.Ref, w.Platform); err == nil {
			t.Errorf("found %+v", got)
		}

		if got, err := image.Fetch(t.Context(), store, w); err == nil {
			t.Errorf("fetched %+v", got)
		}
	})
}
