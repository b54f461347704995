package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What is pushed and pulled again verifies, with and without the referrers API.
func TestPushVerifyPull(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		for kind, make := range map[string]func(*testing.T) string{"image": imageLayout, "index": indexLayout} {
			t.Run(fmt.Sprintf("%s/referrers=%v", kind, referrers), func(t *testing.T) {
				host := startRegistry(t, registry.WithReferrersSupport(referrers))
				target, key := signed(t, make(t)), testKey(t, "ec.pem").Public()

				pushed, err := Push(ctx, target, host+"/akmon/installer:v1", Options{})
				if err != nil {
					t.Fatal(err)
				}

				if pushed.Digest() != target.Digest() {
					t.Errorf("pushed %s, want %s", pushed.Digest(), target.Digest())
				}

				checkWhole(t, open(t, host+"/akmon/installer:v1"), key)
				checkWhole(t, open(t, host+"/akmon/installer@"+target.Digest().String()), key)

				dir := filepath.Join(t.TempDir(), "pulled")
				if _, err := Pull(ctx, open(t, host+"/akmon/installer:v1"), "oci:"+dir); err != nil {
					t.Fatal(err)
				}

				checkWhole(t, open(t, dir+":v1"), key)
				checkWhole(t, open(t, dir), key)

				if _, err := Push(ctx, open(t, dir), host+"/again/installer:v1", Options{}); err != nil {
					t.Fatal(err)
				}

				checkWhole(t, open(t, host+"/again/installer:v1"), key)
			})
		}
	}
}

// checkWhole wants a valid signature and a signed SBOM.
func checkWhole(t *testing.T, target *Target, key any) {
	t.Helper()

	got, err := Verify(ctx, target, key)
	if err != nil {
		t.Fatal(err)
	}

	if len(got.Payloads) != 1 || len(got.Attachments) != 1 || !got.Attachments[0].Signed {
		t.Errorf("%s: %+v", target, got)
	}
}

func TestSignInRegistry(t *testing.T) {
	host := startRegistry(t, registry.WithReferrersSupport(true))

	target, err := Push(ctx, open(t, imageLayout(t)), host+"/akmon/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"ec.pem", "rsa.pem"} {
		if err := Sign(ctx, target, testKey(t, name), SignOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	for _, name := range []string{"ec.pem", "rsa.pem"} {
		got, err := Verify(ctx, target, testKey(t, name).Public())
		if err != nil {
			t.Fatal(err)
		}

		if got.Payloads[0].Identity != host+"/akmon/installer" {
			t.Errorf("identity %q", got.Payloads[0].Identity)
		}
	}

	if _, err := Verify(ctx, target, testKey(t, "ed25519.pem").Public()); !errors.Is(err, ErrWrongKey) {
		t.Errorf("got %v, want ErrWrongKey", err)
	}
}

// A registry that serves other bytes is caught.
func TestRegistryServesWrongBytes(t *testing.T) {
	target := signed(t, imageLayout(t))
	key := testKey(t, "ec.pem").Public()

	var victim atomic.Value
	victim.Store("none")

	inner := registry.New(quiet, registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, victim.Load().(string)) {
			rec := httptest.NewRecorder()
			inner.ServeHTTP(rec, r)

			body := rec.Body.Bytes()
			body[len(body)/2] ^= 1

			for k, v := range rec.Header() {
				w.Header()[k] = v
			}

			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)

			return
		}

		inner.ServeHTTP(w, r)
	}))
	defer server.Close()

	host := strings.TrimPrefix(server.URL, "http://")

	pushed, err := Push(ctx, target, host+"/akmon/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	raw, err := pushed.RawManifest(ctx)
	if err != nil {
		t.Fatal(err)
	}

	h, err := parseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}

	for name, digest := range map[string]v1.Hash{
		"manifest": target.Digest(), "config": h.Config.Digest, "layer 2": h.Layers[1].Digest,
	} {
		victim.Store(digest.String())

		_, err := Verify(ctx, pushed, key)
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), digest.String()) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want ErrChanged with name and digest", name, err)
		}
	}

	victim.Store(h.Layers[0].Digest.String())

	dir := filepath.Join(t.TempDir(), "pulled")
	if _, err := Pull(ctx, pushed, dir); !errors.Is(err, ErrChanged) {
		t.Errorf("pull: got %v, want ErrChanged", err)
	}

	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed pull left %s behind", dir)
	}
}

// Connections that break are tried again.
func TestPullRetries(t *testing.T) {
	target := signed(t, imageLayout(t))

	var broken atomic.Int32

	inner := registry.New(quiet, registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") && broken.Add(1) == 1 {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("short"))

			return
		}

		inner.ServeHTTP(w, r)
	}))
	defer server.Close()

	pushed, err := Push(ctx, target, strings.TrimPrefix(server.URL, "http://")+"/akmon/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	broken.Store(0)

	dir := filepath.Join(t.TempDir(), "pulled")
	if _, err := Pull(ctx, pushed, dir); err != nil {
		t.Fatal(err)
	}

	checkWhole(t, open(t, dir), testKey(t, "ec.pem").Public())
}

func TestPlainHTTPOnlyOnLoopback(t *testing.T) {
	_, err := Open(ctx, "10.255.255.1:5000/akmon/installer:v1", Options{})
	if err == nil {
		t.Fatal("no error")
	}

	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "10.0.0.1": false, "registry.local": false} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%s) = %v", host, got)
		}
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://10.0.0.1:5000/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}

	resp, err := guard(false).RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}

	if err == nil || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("got %v, want a refusal that names --insecure", err)
	}
}

func TestCancelledPull(t *testing.T) {
	host := startRegistry(t)

	pushed, err := Push(ctx, open(t, imageLayout(t)), host+"/a/b:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()

	dir := filepath.Join(t.TempDir(), "pulled")
	if _, err := Pull(cancelled, pushed, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}

	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("a cancelled pull left files behind")
	}
}

// skopeo pulls what we push, with its signature tag.
func TestSkopeoReadsTheRegistry(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}

	host := startRegistry(t)
	target := signed(t, imageLayout(t))

	if _, err := Push(ctx, target, host+"/akmon/installer:v1", Options{}); err != nil {
		t.Fatal(err)
	}

	to := filepath.Join(t.TempDir(), "copy")

	for _, tag := range []string{"v1", SignatureTag(target.Digest())} {
		out, err := exec.Command(skopeo, "copy", "--insecure-policy", "--src-tls-verify=false",
			"docker://"+host+"/akmon/installer:"+tag, "oci:"+to+":"+tag).CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo copy %s: %v\n%s", tag, err, out)
		}
	}

	// The tag alone is enough to verify.
	if _, err := Verify(ctx, open(t, to+":v1"), testKey(t, "ec.pem").Public()); err != nil {
		t.Error(err)
	}
}
