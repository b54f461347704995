package logbuf_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/logbuf"
)

func read(t *testing.T, b *logbuf.Buffer, opts logbuf.ReadOptions) string {
	t.Helper()

	r := b.Reader(t.Context(), opts)
	defer r.Close() //nolint:errcheck

	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}

	return string(data)
}

func TestRing(t *testing.T) {
	for _, tc := range []struct {
		capacity int
		writes   []string
		tail     int
		want     string
	}{
		{100, []string{"a\n", "b\n"}, -1, "a\nb\n"},
		{3, []string{"abc", "de"}, -1, "cde"},
		{3, []string{"abcdefgh"}, -1, "fgh"},
		{100, []string{"a\nb\nc\n"}, 2, "b\nc\n"},
		{100, []string{"a\nb\nc"}, 2, "b\nc"},
		{100, []string{"a\nb\n"}, 0, ""},
		{100, []string{"a\n\n"}, 1, "\n"},
		{100, []string{"a\n"}, 9, "a\n"},
		{100, nil, 3, ""},
		{10000, []string{strings.Repeat("x", 5000), strings.Repeat("y", 6000)}, -1, strings.Repeat("x", 4000) + strings.Repeat("y", 6000)},
	} {
		b := logbuf.New(tc.capacity)
		for _, w := range tc.writes {
			if _, err := io.WriteString(b, w); err != nil {
				t.Fatal(err)
			}
		}

		if diff := cmp.Diff(tc.want, read(t, b, logbuf.ReadOptions{TailLines: tc.tail})); diff != "" {
			t.Errorf("%.40q, tail %d (-want +got):\n%s", tc.writes, tc.tail, diff)
		}
	}
}

func TestFollow(t *testing.T) {
	b := logbuf.New(1 << 20)

	ctx, cancel := context.WithCancel(t.Context())
	r := b.Reader(ctx, logbuf.ReadOptions{Follow: true, TailLines: -1})

	var wg sync.WaitGroup

	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				fmt.Fprintf(b, "%d-%d\n", i, j) //nolint:errcheck
			}
		})
	}

	lines := 0
	buf := make([]byte, 64)

	for lines < 400 {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}

		lines += strings.Count(string(buf[:n]), "\n")
	}

	wg.Wait()
	cancel()

	if _, err := r.Read(buf); err != io.EOF {
		t.Errorf("Read after the end of its context: %v", err)
	}

	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	s := logbuf.NewSet(10)
	s.Get("b")
	s.Get("a")

	if diff := cmp.Diff([]string{"a", "b"}, s.Names()); diff != "" {
		t.Error(diff)
	}

	if _, ok := s.Find("c"); ok {
		t.Error("found a log that was never made")
	}
}
