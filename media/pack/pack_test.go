package pack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/pack"
)

var formats = []pack.Format{pack.Gzip, pack.Xz, pack.Zstd}

// text is n bytes that compress somewhat, always the same.
func text(n int) []byte {
	words := strings.Fields("anvil hammer forge steel tongs bellows quench temper rivet chisel")
	r := rand.New(rand.NewPCG(1, 2))

	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(byte(r.IntN(256)))
	}

	return b.Bytes()[:n]
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)

	return b
}

// lists are disks in small: data, noise, holes, and none of it.
func lists() map[string]*extent.List {
	mixed := extent.FromBytes(text(1<<20 + 300017))
	mixed.AppendZeros(12<<20 + 3)
	mixed.AppendBytes(noise(1<<20 + 1))
	mixed.AppendBytes(make([]byte, 3<<20))
	mixed.AppendBytes(text(100))

	holes := &extent.List{}
	holes.AppendZeros(18<<20 + 5)

	return map[string]*extent.List{
		"mixed": mixed, "holes": holes, "empty": {}, "byte": extent.FromBytes([]byte{1}), "piece": extent.FromBytes(text(1 << 20)),
	}
}

// TestOracles has the formats' own programs check and unpack what was packed.
func TestOracles(t *testing.T) {
	for name, l := range lists() {
		for _, f := range formats {
			t.Run(name+" "+f.String(), func(t *testing.T) {
				tool, err := exec.LookPath(f.String())
				if err != nil {
					t.Skip(err)
				}

				var packed, again bytes.Buffer

				if err := pack.Write(t.Context(), &packed, l, f, pack.Options{}); err != nil {
					t.Fatal(err)
				}

				if err := pack.Write(t.Context(), &again, l, f, pack.Options{Workers: 5}); err != nil {
					t.Fatal(err)
				}

				if !bytes.Equal(packed.Bytes(), again.Bytes()) {
					t.Error("other workers, other bytes")
				}

				for _, mode := range []string{"-t", "-dc"} {
					cmd := exec.Command(tool, mode)
					cmd.Stdin = bytes.NewReader(packed.Bytes())

					var errs bytes.Buffer
					cmd.Stderr = &errs

					out, err := cmd.Output()
					if err != nil {
						t.Fatalf("%s %s: %v\n%s", f, mode, err, errs.String())
					}

					want, _ := l.Bytes(1 << 30)
					if mode == "-dc" && !bytes.Equal(out, want) {
						t.Errorf("%d bytes come out, %d went in", len(out), len(want))
					}
				}
			})
		}
	}
}

// TestSizes compares with what the programs make of the same bytes.
func TestSizes(t *testing.T) {
	data := text(2 << 20)
	file := filepath.Join(t.TempDir(), "text")

	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, f := range formats {
		out, err := exec.Command(f.String(), "-c", file).Output()
		if err != nil {
			t.Logf("%s: %v", f, err)
			continue
		}

		var packed bytes.Buffer
		if err := pack.Write(t.Context(), &packed, extent.FromBytes(data), f, pack.Options{}); err != nil {
			t.Fatal(err)
		}

		t.Logf("%s: %d bytes, the program %d", f, packed.Len(), len(out))
	}
}

// failing is a writer that is full after n bytes.
type failing struct{ n int }

var errFull = errors.New("full")

func (w *failing) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errFull
	}

	return len(p), nil
}

func TestErrors(t *testing.T) {
	l := lists()["mixed"]
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	boom := errors.New("boom")

	for _, f := range formats {
		for _, n := range []int{0, 5, 100_000} {
			if err := pack.Write(t.Context(), &failing{n}, l, f, pack.Options{}); !errors.Is(err, errFull) {
				t.Errorf("%s after %d bytes: %v", f, n, err)
			}
		}

		if err := pack.Write(cancelled, io.Discard, l, f, pack.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", f, err)
		}

		var whole, part bytes.Buffer
		if err := pack.Write(t.Context(), &whole, l, f, pack.Options{}); err != nil {
			t.Fatal(err)
		}

		err := pack.Write(t.Context(), &part, l, f, pack.Options{Finish: func() error { return boom }})
		if !errors.Is(err, boom) || part.Len() >= whole.Len() {
			t.Errorf("%s: %v, %d of %d bytes", f, err, part.Len(), whole.Len())
		}
	}

	if err := pack.Write(t.Context(), io.Discard, l, 9, pack.Options{}); !errors.Is(err, pack.ErrFormat) {
		t.Error(err)
	}
}

func TestTar(t *testing.T) {
	content := extent.FromBytes([]byte("disk"))
	content.AppendZeros(9 << 30) // more than eleven octal digits say

	l, err := pack.Tar("disk.raw", content, time.Time{})
	if err != nil {
		t.Fatal(err)
	}

	if l.Size()%10240 != 0 {
		t.Errorf("%d bytes", l.Size())
	}

	r := tar.NewReader(l.NewReader())

	h, err := r.Next()
	if err != nil || h.Name != "disk.raw" || h.Size != content.Size() || !h.ModTime.Equal(time.Unix(0, 0)) || h.Format != tar.FormatGNU {
		t.Errorf("%+v, %v", h, err)
	}

	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
