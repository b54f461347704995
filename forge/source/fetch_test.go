package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source"
)

func newReader(data []byte) io.ReadSeeker { return bytes.NewReader(data) }

var payload = bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog\n"), 20_000)

// Every way in which a server may fail, and that the next place, or the next
// attempt, makes up for it.
func TestFetchSurvives(t *testing.T) {
	good := static(payload)

	tests := []struct {
		name   string
		first  func(attempt int64) http.HandlerFunc // of the mirror, by request number from 1
		origin bool                                 // the origin is needed
	}{
		{"nothing", func(int64) http.HandlerFunc { return good }, false},
		{"mirror lacks the file", func(int64) http.HandlerFunc { return http.NotFound }, true},
		{"mirror serves wrong bytes", func(int64) http.HandlerFunc { return static([]byte("wrong")) }, true},
		{"mirror serves other bytes of the same size", func(int64) http.HandlerFunc {
			return static(bytes.Repeat([]byte{'x'}, len(payload)))
		}, true},
		{"mirror forbids", func(int64) http.HandlerFunc { return status(http.StatusForbidden) }, true},
		{"mirror is always down", func(int64) http.HandlerFunc { return status(http.StatusInternalServerError) }, true},
		{"one 500", func(n int64) http.HandlerFunc { return pick(n == 1, status(http.StatusInternalServerError), good) }, false},
		{"one 429", func(n int64) http.HandlerFunc { return pick(n == 1, status(http.StatusTooManyRequests), good) }, false},
		{"two connections dropped", func(n int64) http.HandlerFunc { return pick(n <= 2, dropped, good) }, false},
		{"truncated, then a range", func(n int64) http.HandlerFunc { return pick(n == 1, truncated(300_000), good) }, false},
		{"truncated, no ranges", func(n int64) http.HandlerFunc { return pick(n == 1, truncated(300_000), whole) }, false},
		{"truncated, wrong range", func(n int64) http.HandlerFunc {
			return pick(n == 1, truncated(300_000), pick(n == 2, wrongRange, good))
		}, false},
		{"truncated, range refused", func(n int64) http.HandlerFunc {
			return pick(n == 1, truncated(300_000), pick(n == 2, status(http.StatusRequestedRangeNotSatisfiable), good))
		}, false},
		{"truncated each time", func(int64) http.HandlerFunc { return truncated(100_000) }, true},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var requests, origins atomic.Int64

			mirror := serve(t, func(w http.ResponseWriter, r *http.Request) { test.first(requests.Add(1))(w, r) })
			origin := serve(t, func(w http.ResponseWriter, r *http.Request) { origins.Add(1); good(w, r) })

			store := open(t, source.Options{Mirrors: mirrors{mirror + "/thing.tar"}})
			src := sourceOf(payload, origin+"/thing.tar")

			path, err := store.Fetch(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}

			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("the stored file is wrong: %v", err)
			}

			if (origins.Load() > 0) != test.origin {
				t.Errorf("the origin was asked %d times", origins.Load())
			}

			if diff := cmp.Diff([]string(nil), leftovers(t, store, src.SHA256)); diff != "" {
				t.Errorf("files left behind: %s", diff)
			}

			// The second time, nobody is asked.
			before := requests.Load() + origins.Load()
			if again, err := store.Fetch(t.Context(), src); err != nil || again != path {
				t.Errorf("second fetch: %q, %v", again, err)
			}

			if after := requests.Load() + origins.Load(); after != before {
				t.Errorf("the second fetch made %d requests", after-before)
			}
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func pick(first bool, a, b http.HandlerFunc) http.HandlerFunc {
	if first {
		return a
	}

	return b
}

func dropped(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func whole(w http.ResponseWriter, _ *http.Request) { w.Write(payload) } //nolint:errcheck

func truncated(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(payload)))
		w.Write(payload[:n])                  //nolint:errcheck
		http.NewResponseController(w).Flush() //nolint:errcheck
		panic(http.ErrAbortHandler)
	}
}

func wrongRange(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(payload)-1, len(payload)))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(payload[7:]) //nolint:errcheck
}

// A Range request continues where the transfer broke off.
func TestResume(t *testing.T) {
	var ranges []string

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		pick(len(ranges) == 1, truncated(262_144), static(payload))(w, r)
	})

	store := open(t, source.Options{})
	if _, err := store.Fetch(t.Context(), sourceOf(payload, url)); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"", "bytes=262144-"}, ranges); diff != "" {
		t.Error(diff)
	}
}

// What a killed process left is continued; if it was wrong, it is dropped.
func TestResumeOtherProcess(t *testing.T) {
	for _, left := range [][]byte{payload[:1000], []byte("rubbish"), bytes.Repeat([]byte("x"), len(payload)+5)} {
		url := serve(t, static(payload))
		store := open(t, source.Options{})
		src := sourceOf(payload, url)

		if err := os.WriteFile(store.Root()+"/partial/"+src.SHA256, left, 0o644); err != nil {
			t.Fatal(err)
		}

		if _, err := store.Fetch(t.Context(), src); err != nil {
			t.Errorf("with %d bytes left by another: %v", len(left), err)
		}
	}
}

func TestWrongSum(t *testing.T) {
	a := serve(t, static([]byte("wrong bytes")))
	b := serve(t, static([]byte("other wrong bytes")))
	src := sourceOf(payload, b+"/x.tar")
	src.Position = "kernel/pkg.yaml:7:5"

	store := open(t, source.Options{Mirrors: mirrors{a + "/x.tar"}})
	_, err := store.Fetch(t.Context(), src)

	sum := new(source.SumError)
	if !errors.As(err, &sum) {
		t.Fatalf("got %v", err)
	}

	text := err.Error()
	for _, want := range []string{
		"kernel/pkg.yaml:7:5: thing", a + "/x.tar", b + "/x.tar", src.SHA256, src.SHA512,
		sourceOf([]byte("wrong bytes"), "").SHA256, sourceOf([]byte("other wrong bytes"), "").SHA512,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the message lacks %q:\n%s", want, text)
		}
	}

	if diff := cmp.Diff([]string(nil), leftovers(t, store)); diff != "" {
		t.Errorf("files left behind: %s", diff)
	}

	// A recipe whose SHA-512 is not that of the right file.
	store = open(t, source.Options{})
	right := sourceOf(payload, serve(t, static(payload)))
	wrong := right
	wrong.SHA512 = src.SHA512[1:] + "0"

	for range 2 { // before and after the store has the file
		if _, err := store.Fetch(t.Context(), wrong); !errors.As(err, &sum) {
			t.Errorf("got %v", err)
		}

		if _, err := store.Fetch(t.Context(), right); err != nil {
			t.Error(err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	gone := serve(t, http.NotFound)
	store := open(t, source.Options{Mirrors: mirrors{"http://user:secret@127.0.0.1:1/x", gone + "/x"}, Attempts: 2})
	src := sourceOf(payload, "ftp://example.org/x")

	_, err := store.Fetch(t.Context(), src)

	failure := new(source.FetchError)
	if !errors.As(err, &failure) || len(failure.Attempts) != 3 {
		t.Fatalf("got %v", err)
	}

	for _, want := range []string{"127.0.0.1:1/x", "refused", gone, "404", "ftp://example.org/x", "scheme"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q:\n%s", want, err)
		}
	}

	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the message shows a password:\n%s", err)
	}

	if diff := cmp.Diff([]string(nil), leftovers(t, store)); diff != "" {
		t.Errorf("files left behind: %s", diff)
	}
}

func TestBadSums(t *testing.T) {
	store := open(t, source.Options{})

	for _, src := range []source.Source{
		{SHA256: "../../etc/passwd"},
		{SHA256: strings.Repeat("A", 64)},
		{SHA256: strings.Repeat("a", 64), SHA512: "b"},
		{},
	} {
		if _, err := store.Fetch(t.Context(), src); err == nil {
			t.Errorf("%+v was accepted", src)
		}
	}
}

func TestOffline(t *testing.T) {
	url := serve(t, static(payload))
	online := open(t, source.Options{})
	src := sourceOf(payload, url)

	offline, err := source.Open(online.Root(), source.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := offline.Fetch(t.Context(), src); err == nil || !strings.Contains(err.Error(), "offline") {
		t.Errorf("got %v", err)
	}

	if _, err := online.Fetch(t.Context(), src); err != nil {
		t.Fatal(err)
	}

	if _, err := offline.Fetch(t.Context(), src); err != nil {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	started := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(payload[:1000])               //nolint:errcheck
		http.NewResponseController(w).Flush() //nolint:errcheck
		close(started)
		<-r.Context().Done()
	})

	ctx, cancel := context.WithCancel(t.Context())

	go func() { <-started; cancel() }()

	_, err := open(t, source.Options{}).Fetch(ctx, sourceOf(payload, url))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A server that sends nothing more is given up.
func TestIdle(t *testing.T) {
	var n atomic.Int64

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Write(payload[:1000])               //nolint:errcheck
			http.NewResponseController(w).Flush() //nolint:errcheck
			<-r.Context().Done()

			return
		}

		static(payload)(w, r)
	})

	store := open(t, source.Options{Idle: 50 * time.Millisecond})
	if _, err := store.Fetch(t.Context(), sourceOf(payload, url)); err != nil {
		t.Error(err)
	}
}

// Many at once, from stores that know nothing of each other, as processes do:
// one download for each file.
func TestConcurrent(t *testing.T) {
	var requests atomic.Int64

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Write([]byte("file " + r.URL.Path)) //nolint:errcheck
	})

	var srcs []source.Source
	for i := range 20 {
		srcs = append(srcs, sourceOf(fmt.Appendf(nil, "file /%d", i), fmt.Sprintf("%s/%d", url, i)))
	}

	root := t.TempDir()

	var group sync.WaitGroup

	for range 8 {
		group.Go(func() {
			store, err := source.Open(root, source.Options{Parallel: 5})
			if err != nil {
				t.Error(err)

				return
			}

			if _, err := store.FetchAll(t.Context(), srcs); err != nil {
				t.Error(err)
			}
		})
	}

	group.Wait()

	if requests.Load() != 20 {
		t.Errorf("%d requests for 20 files", requests.Load())
	}
}

func TestFetchAllErrors(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		pick(r.URL.Path == "/good", static(payload), http.NotFound)(w, r)
	})

	var log events

	store := open(t, source.Options{Progress: log.add})
	srcs := []source.Source{
		sourceOf([]byte("1"), url+"/first"), sourceOf(payload, url+"/good"), sourceOf([]byte("2"), url+"/second"),
	}

	paths, err := store.FetchAll(t.Context(), srcs)
	if err == nil || paths[1] == "" {
		t.Fatalf("got %v, %v", paths, err)
	}

	first, second := strings.Index(err.Error(), "/first"), strings.Index(err.Error(), "/second")
	if first < 0 || second < first {
		t.Errorf("the errors are not all there in order:\n%v", err)
	}

	if log.count(source.Failed) != 2 || log.count(source.Stored) != 1 {
		t.Errorf("events: %v", log.list)
	}
}

func TestFileURL(t *testing.T) {
	path := t.TempDir() + "/x"
	if err := os.WriteFile(path, payload, 0o644); err != nil {
		t.Fatal(err)
	}

	store := open(t, source.Options{Mirrors: mirrors{"file:///nonexistent/x"}})
	if _, err := store.Fetch(t.Context(), sourceOf(payload, "file://"+path)); err != nil {
		t.Error(err)
	}
}
