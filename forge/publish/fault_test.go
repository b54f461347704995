package publish

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// faulty is a registry in which things go wrong: fault answers a request in
// the registry's place, or lets it pass.
type faulty struct {
	inner http.Handler
	fault func(inner http.Handler, w http.ResponseWriter, r *http.Request) bool

	mu   sync.Mutex
	seen map[string]int
	on   bool
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.first(r) && f.fault(f.inner, w, r) {
		return
	}

	f.inner.ServeHTTP(w, r)
}

// first tells whether faults are on and the request is made for the first time.
func (f *faulty) first(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	// The address of an upload differs each time.
	path, _, _ := strings.Cut(r.URL.Path, "/uploads/")
	key := r.Method + " " + path
	f.seen[key]++

	return f.on && f.seen[key] == 1
}

func (f *faulty) turn(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.on, f.seen = on, map[string]int{}
}

func startFaulty(t *testing.T, fault func(http.Handler, http.ResponseWriter, *http.Request) bool) (*faulty, string) {
	t.Helper()

	saved := backoff
	backoff.Duration = time.Millisecond
	t.Cleanup(func() { backoff = saved })

	f := &faulty{inner: registry.New(quiet, registry.WithReferrersSupport(true)), fault: fault, seen: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)

	return f, strings.TrimPrefix(server.URL, "http://")
}

// answers is a fault: a status, and nothing done.
func answers(status int) func(http.Handler, http.ResponseWriter, *http.Request) bool {
	return func(_ http.Handler, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)

		return true
	}
}

// dropped closes the connection instead of an answer.
func dropped(_ http.Handler, w http.ResponseWriter, _ *http.Request) bool {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}

	return true
}

// cut sends half of what it announced.
func cut(inner http.Handler, w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		return false
	}

	rec := httptest.NewRecorder()
	inner.ServeHTTP(rec, r)

	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body[:len(body)/2])

	return true
}

// A registry in which every request fails once, each in its way, costs time
// and nothing else.
func TestFaultyRegistry(t *testing.T) {
	for name, fault := range map[string]func(http.Handler, http.ResponseWriter, *http.Request) bool{
		"429": answers(http.StatusTooManyRequests), "500": answers(http.StatusInternalServerError),
		"503": answers(http.StatusServiceUnavailable), "dropped": dropped, "cut": cut,
	} {
		t.Run(name, func(t *testing.T) {
			f, host := startFaulty(t, fault)
			target, key := signed(t, imageLayout(t)), testKey(t, "ec.pem").Public()

			f.turn(true)

			pushed, err := Push(ctx, target, host+"/akmon/installer:v1", Options{})
			if err != nil {
				t.Fatalf("push: %v", err)
			}

			f.turn(true)
			checkWhole(t, pushed, key)

			f.turn(true)

			dir := filepath.Join(t.TempDir(), "pulled")
			if _, err := Pull(ctx, open(t, host+"/akmon/installer:v1"), dir); err != nil {
				t.Fatalf("pull: %v", err)
			}

			checkWhole(t, open(t, dir), key)
		})
	}
}

// A registry that stays broken is told of, and leaves nothing behind.
func TestBrokenRegistry(t *testing.T) {
	for name, test := range map[string]struct {
		fault func(http.Handler, http.ResponseWriter, *http.Request) bool
		want  string
	}{
		"500":     {answers(http.StatusInternalServerError), "500"},
		"429":     {answers(http.StatusTooManyRequests), "429"},
		"dropped": {dropped, "EOF"},
		"cut":     {cut, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			// Every request fails, not the first alone.
			var broken http.HandlerFunc

			inner := registry.New(quiet, registry.WithReferrersSupport(true))
			on := false
			broken = func(w http.ResponseWriter, r *http.Request) {
				if !on || !strings.Contains(r.URL.Path, "/blobs/") || !test.fault(inner, w, r) {
					inner.ServeHTTP(w, r)
				}
			}

			_, _ = startFaulty(t, nil) // for the short delays
			server := httptest.NewServer(broken)
			defer server.Close()

			ref := strings.TrimPrefix(server.URL, "http://") + "/akmon/installer:v1"

			pushed, err := Push(ctx, signed(t, imageLayout(t)), ref, Options{})
			if err != nil {
				t.Fatal(err)
			}

			on = true
			dir := filepath.Join(t.TempDir(), "pulled")

			_, err = Pull(ctx, pushed, dir)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ref[:len(ref)-3]) {
				t.Errorf("got %v, want %q and the name of the image", err, test.want)
			}

			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Error("a failed pull left files behind")
			}
		})
	}
}

// A download goes on where it broke, and asks only for the rest.
func TestDownloadsAreResumed(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		t.Run("ranges="+strconv.FormatBool(ranges), func(t *testing.T) {
			content := strings.Repeat("0123456789", 1000)

			var asked []string

			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Header.Get("Range"))

				if len(asked) == 1 {
					w.Header().Set("Content-Length", strconv.Itoa(len(content)))
					_, _ = w.Write([]byte(content[:4000]))

					return
				}

				if !ranges {
					r.Header.Del("Range")
				}

				http.ServeContent(w, r, "blob", time.Time{}, strings.NewReader(content))
			}))
			defer server.Close()

			client := http.Client{Transport: resumer{http.DefaultTransport}}

			resp, err := client.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()

			var got strings.Builder
			if _, err := io.Copy(&got, resp.Body); err != nil {
				t.Fatal(err)
			}

			if got.String() != content {
				t.Errorf("%d bytes, not those that were sent", got.Len())
			}

			if len(asked) != 2 || asked[1] != "bytes=4000-9999" {
				t.Errorf("ranges that were asked for: %q", asked)
			}
		})
	}
}
