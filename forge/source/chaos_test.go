package source_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source"
)

// A mirror breaks off and is gone for good; the next place continues where it
// stopped.
func TestResumeElsewhere(t *testing.T) {
	requests := 0
	mirror := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			truncated(300_000)(w, r)

			return
		}

		http.NotFound(w, r)
	})

	var ranges []string

	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))

		static(payload)(w, r)
	})

	store := open(t, source.Options{Mirrors: mirrors{mirror + "/thing.tar"}})
	if _, err := store.Fetch(t.Context(), sourceOf(payload, origin+"/thing.tar")); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"bytes=300000-"}, ranges); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// faulty serves data with one fault or another, as chance has it; roughly every
// third answer is right.
func faulty(random *rand.Rand, data []byte) http.HandlerFunc {
	var mu sync.Mutex

	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		fault, at := random.IntN(9), random.IntN(len(data))
		mu.Unlock()

		switch fault {
		case 0:
			w.WriteHeader([]int{429, 500, 502, 503, 504, 408}[at%6])
		case 1:
			dropped(w, r)
		case 2:
			cut(w, r, data, at)
		case 3: // cut short without saying so
			w.Write(data[:at]) //nolint:errcheck
		case 4: // other bytes, one wrong
			wrong := bytes.Clone(data)
			wrong[at] ^= 0x40
			static(wrong)(w, r)
		case 5: // a page that says what went wrong, as if it were the file
			io.WriteString(w, "<html>busy</html>") //nolint:errcheck
		default:
			static(data)(w, r)
		}
	}
}

// cut serves a range, if one is asked for, and drops the connection in it.
func cut(w http.ResponseWriter, r *http.Request, data []byte, at int) {
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
		w.Header().Set("Content-Length", fmt.Sprint(len(data)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	}

	w.Write(data[from:max(from, at)])     //nolint:errcheck
	http.NewResponseController(w).Flush() //nolint:errcheck
	panic(http.ErrAbortHandler)
}

// Servers that fail in every way at random: what is stored is right, whatever
// happened, and most of it arrives.
func TestChaos(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	arrived := 0

	const rounds = 60

	for round := range rounds {
		data := bytes.Repeat(fmt.Appendf(nil, "round %d\n", round), 1+random.IntN(40_000))
		places := mirrors{serve(t, faulty(rand.New(rand.NewPCG(5, uint64(round))), data)), serve(t, faulty(rand.New(rand.NewPCG(6, uint64(round))), data))}
		origin := serve(t, faulty(rand.New(rand.NewPCG(7, uint64(round))), data))

		var log events

		store := open(t, source.Options{Mirrors: places, Attempts: 6, Progress: log.add})
		src := sourceOf(data, origin+"/thing")

		path, err := store.Fetch(t.Context(), src)
		if err != nil {
			if strings.Count(err.Error(), "http://127.0.0.1") < 3 {
				t.Errorf("round %d: the error does not name all places: %v", round, err)
			}

			continue
		}

		arrived++

		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("round %d: the stored file is wrong: %v", round, err)
		}

		if diff := cmp.Diff([]string(nil), leftovers(t, store, src.SHA256)); diff != "" {
			t.Errorf("round %d: files left behind: %s", round, diff)
		}

		// Whoever is passed over is named.
		if failed := log.count(source.Failed); failed > 2 {
			t.Errorf("round %d: %d places failed, and the file came from a fourth", round, failed)
		}
	}

	if arrived < rounds*3/4 {
		t.Errorf("only %d of %d files arrived", arrived, rounds)
	}
}

// What is made of files goes with a check of the store, and is made again.
func TestMade(t *testing.T) {
	store := open(t, source.Options{})
	key := strings.Repeat("ab", 32)
	calls := 0

	make := func() string {
		path, err := store.Make(t.Context(), key, func(_ context.Context, w io.Writer) error {
			calls++
			_, err := io.WriteString(w, "made")

			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		return path
	}

	for range 2 {
		if text, err := os.ReadFile(make()); err != nil || string(text) != "made" {
			t.Errorf("%s, %v", text, err)
		}
	}

	if calls != 1 {
		t.Errorf("it was made %d times", calls)
	}

	if _, err := store.GC(t.Context(), nil, map[string]bool{key: true}, 0); err != nil {
		t.Fatal(err)
	}

	if make(); calls != 1 {
		t.Error("it is gone though it was to be kept")
	}

	for _, drop := range []func() error{
		func() error { _, err := store.GC(t.Context(), nil, nil, 0); return err },
		func() error { _, err := store.Verify(t.Context(), source.Remove); return err },
		func() error { return os.Chtimes(make(), time.Unix(1, 0), time.Unix(1, 0)) }, // somebody was at it
	} {
		calls = 0

		if err := drop(); err != nil {
			t.Fatal(err)
		}

		calls = 0

		if make(); calls != 1 {
			t.Error("it was not made again")
		}
	}

	failing := fmt.Errorf("no")
	if _, err := store.Make(t.Context(), strings.Repeat("cd", 32), func(context.Context, io.Writer) error { return failing }); err == nil {
		t.Error("a failure is passed over")
	}

	if left, _ := os.ReadDir(store.Root() + "/partial"); len(left) > 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
}
