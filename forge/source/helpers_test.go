package source_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/akmon-os/akmon/forge/source"
)

// mirrors is a Rewriter that puts places before every URL.
type mirrors []string

func (m mirrors) Rewrite(string) []string { return m }

func sourceOf(data []byte, url string) source.Source {
	a, b := sha256.Sum256(data), sha512.Sum512(data)

	return source.Source{Package: "thing", URL: url, SHA256: hex.EncodeToString(a[:]), SHA512: hex.EncodeToString(b[:])}
}

// events collects what a store reports.
type events struct {
	mu   sync.Mutex
	list []source.Event
}

func (e *events) add(ev source.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.list = append(e.list, ev)
}

func (e *events) count(s source.State) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()

	for _, ev := range e.list {
		if ev.State == s {
			n++
		}
	}

	return n
}

// open opens a new store that does not pause between attempts.
func open(t *testing.T, opts source.Options) *source.Store {
	t.Helper()

	opts.Backoff = func(int) time.Duration { return 0 }

	s, err := source.Open(filepath.Join(t.TempDir(), "store"), opts)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()

	server := httptest.NewServer(h)
	t.Cleanup(server.Close)

	return server.URL
}

// static serves data with all that http.ServeContent does, ranges included.
func static(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, newReader(data))
	}
}

// files lists everything below the store's root that is a file, without what
// is expected to be there: the named sources and their side files.
func leftovers(t *testing.T, s *source.Store, sums ...string) []string {
	t.Helper()

	expected := map[string]bool{}
	for _, sum := range sums {
		expected[filepath.Join("sha256", sum)] = true
		expected[filepath.Join("meta", sum+".json")] = true
	}

	var extra []string

	err := filepath.WalkDir(s.Root(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		rel, err := filepath.Rel(s.Root(), path)
		if !expected[rel] {
			extra = append(extra, rel)
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return extra
}
