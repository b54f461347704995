package chunks_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/akmon-os/akmon/media/chunks"
	"github.com/akmon-os/akmon/media/extent"
)

// example is 10 chunks of 1000 bytes and a rest, with zeros of both kinds.
func example() *extent.List {
	l := extent.FromBytes(bytes.Repeat([]byte("a"), 2500))
	l.AppendZeros(3500)
	l.AppendBytes(make([]byte, 2000))
	l.AppendBytes(bytes.Repeat([]byte("b"), 2345))

	return l
}

func TestMap(t *testing.T) {
	l := example()

	want, err := l.Bytes(1 << 20)
	if err != nil {
		t.Fatal(err)
	}

	for _, workers := range []int{0, 1, 3, 50} {
		var (
			got    []byte
			zero   int
			before []int
		)

		err := chunks.Map(t.Context(), l, 1000, chunks.Options{Before: 10, Workers: workers},
			func(c *chunks.Chunk) (int, error) { return len(c.Data) + len(c.Before), nil },
			func(r chunks.Result[int]) error {
				if r.Chunk.Offset != int64(len(got)) {
					t.Errorf("offset %d after %d bytes", r.Chunk.Offset, len(got))
				}

				if r.Chunk.Zero() {
					zero++

					got = append(got, make([]byte, r.Chunk.Length)...)
				} else {
					got = append(got, r.Chunk.Data...)
				}

				before = append(before, r.Value)

				return nil
			})
		if err != nil || !bytes.Equal(got, want) || zero != 5 {
			t.Errorf("%d workers: %d bytes, %d zero chunks, %v", workers, len(got), zero, err)
		}

		if before[0] != 1000 || before[1] != 1010 || before[3] != 0 || before[8] != 1000 || before[10] != 355 {
			t.Errorf("%d workers: what work saw: %v", workers, before)
		}
	}
}

func TestErrors(t *testing.T) {
	boom := errors.New("boom")
	work := func(*chunks.Chunk) (int, error) { return 0, nil }
	emit := func(chunks.Result[int]) error { return nil }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	short := extent.FromReaderAt(bytes.NewReader([]byte("short")), 5000)

	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"work": {chunks.Map(t.Context(), example(), 100, chunks.Options{}, func(*chunks.Chunk) (int, error) { return 0, boom }, emit), boom},
		"emit": {chunks.Map(t.Context(), example(), 100, chunks.Options{}, work, func(r chunks.Result[int]) error {
			if r.Chunk.Offset > 3000 {
				return boom
			}

			return nil
		}), boom},
		"source":  {chunks.Map(t.Context(), short, 100, chunks.Options{}, work, emit), extent.ErrShortSource},
		"context": {chunks.Map(cancelled, example(), 100, chunks.Options{}, work, emit), context.Canceled},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v", name, tt.err)
		}
	}

	if err := chunks.Map(t.Context(), example(), 0, chunks.Options{}, work, emit); err == nil {
		t.Error("chunks of no size")
	}

	if err := chunks.Map(t.Context(), &extent.List{}, 10, chunks.Options{}, work, emit); err != nil {
		t.Error(err)
	}
}
