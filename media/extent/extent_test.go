package extent_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/media/extent"
)

// noise is reproducible data without long runs.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)

	for i := range b {
		b[i] = byte(r.Uint32() | 1)
	}

	return b
}

// sample returns a list with every kind of extent, large and small, and the
// bytes that it stands for.
func sample(t *testing.T) (*extent.List, []byte) {
	t.Helper()

	src := noise(3<<20, 7)
	path := filepath.Join(t.TempDir(), "source")

	if err := os.WriteFile(path, src, 0o600); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { f.Close() })

	l, want := &extent.List{}, []byte(nil)
	addBytes := func(b []byte) { l.AppendBytes(b); want = append(want, b...) }
	addZeros := func(n int) { l.AppendZeros(int64(n)); want = append(want, make([]byte, n)...) }
	addRange := func(off, n int) { l.AppendRange(f, int64(off), int64(n)); want = append(want, src[off:off+n]...) }

	addBytes([]byte("header"))
	addZeros(10)
	addRange(100, 33)
	addZeros(4096 - 49)
	addRange(4096, 2<<20)
	addZeros(300_000)
	addBytes(noise(100_000, 8))
	addRange(0, 50)
	addRange(50, 50) // joins the one before
	addZeros(1 << 20)
	addRange(1<<20, 2<<20)
	addBytes([]byte{1})
	addZeros(70_000)

	return l, want
}

func TestAllWaysOfWritingAgree(t *testing.T) {
	l, want := sample(t)

	if l.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", l.Size(), len(want))
	}

	var stream bytes.Buffer
	if n, err := l.WriteTo(&stream); err != nil || n != l.Size() {
		t.Fatalf("WriteTo: %d, %v", n, err)
	}

	if !bytes.Equal(stream.Bytes(), want) {
		t.Error("WriteTo wrote something else")
	}

	read, err := io.ReadAll(l.NewReader())
	if err != nil || !bytes.Equal(read, want) {
		t.Errorf("NewReader read something else (%v)", err)
	}

	for _, tt := range []struct {
		name        string
		before, off int // bytes of noise in the file, and where to write
	}{
		{"empty file", 0, 0},
		{"noise of the same size", len(want), 0},
		{"longer noise", len(want) + 12345, 0},
		{"half of it noise", len(want) / 2, 0},
		{"in the middle of noise", len(want) + 20_000, 10_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old := noise(tt.before, 9)
			path := filepath.Join(t.TempDir(), "out")

			if err := os.WriteFile(path, old, 0o600); err != nil {
				t.Fatal(err)
			}

			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()

			if err := l.WriteFile(f, int64(tt.off)); err != nil {
				t.Fatal(err)
			}

			expect := bytes.Clone(old)
			if n := tt.off + len(want); len(expect) < n {
				expect = append(expect, make([]byte, n-len(expect))...)
			}

			copy(expect[tt.off:], want)

			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, expect) {
				t.Errorf("the file differs (%v)", err)
			}
		})
	}
}

func TestZerosBecomeHoles(t *testing.T) {
	l := &extent.List{}
	l.AppendBytes([]byte("x"))
	l.AppendZeros(64 << 20)
	l.AppendBytes([]byte("y"))

	path := filepath.Join(t.TempDir(), "sparse")
	if err := extent.WriteFileAtomic(path, l, 0o600); err != nil {
		t.Fatal(err)
	}

	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}

	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		t.Skip("this system does not tell how much a file occupies")
	}

	if used := sys.Blocks * 512; used > 1<<20 {
		t.Errorf("the file occupies %d bytes", used)
	}
}

func TestSlice(t *testing.T) {
	l, want := sample(t)
	r := rand.New(rand.NewPCG(1, 2))

	for range 200 {
		off := r.Int64N(l.Size() + 10)
		n := r.Int64N(l.Size())
		end := min(off+n, l.Size())

		got, err := l.Slice(off, n).Bytes(l.Size())
		if err != nil {
			t.Fatal(err)
		}

		if off > end {
			off = end
		}

		if !bytes.Equal(got, want[off:end]) {
			t.Fatalf("Slice(%d, %d) differs", off, n)
		}
	}
}

func TestNestedListIsFlat(t *testing.T) {
	inner := extent.FromReaderAt(strings.NewReader("0123456789"), 10)
	outer := &extent.List{}
	outer.AppendBytes([]byte("ab"))
	outer.AppendRange(inner, 2, 5)
	outer.Append(inner)
	outer.Append(nil)

	var dump strings.Builder
	if err := outer.Dump(&dump); err != nil {
		t.Fatal(err)
	}

	want := "           0            2 bytes\n           2            5 range from 2\n           7           10 range from 0\n"
	if d := cmp.Diff(want, dump.String()); d != "" {
		t.Error(d)
	}

	if b, _ := outer.Bytes(100); string(b) != "ab234560123456789" {
		t.Errorf("got %q", b)
	}
}

func TestPadding(t *testing.T) {
	l := extent.FromBytes([]byte("abc"))
	l.Align(8)

	if l.Size() != 8 {
		t.Errorf("aligned to %d", l.Size())
	}

	if err := l.PadTo(7); err == nil {
		t.Error("padding backwards is no error")
	}

	if err := l.PadTo(20); err != nil || l.Size() != 20 {
		t.Errorf("%d, %v", l.Size(), err)
	}
}

func TestShortSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(path, noise(200_000, 1), 0o600); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	for _, src := range []io.ReaderAt{f, strings.NewReader("short")} {
		l := &extent.List{}
		l.AppendRange(src, 0, 1<<20)

		if _, err := l.WriteTo(io.Discard); !errors.Is(err, extent.ErrShortSource) {
			t.Errorf("WriteTo: %v", err)
		}

		dir := t.TempDir()
		if err := extent.WriteFileAtomic(filepath.Join(dir, "out"), l, 0o600); !errors.Is(err, extent.ErrShortSource) {
			t.Errorf("WriteFileAtomic: %v", err)
		}

		mustBeEmpty(t, dir)
	}
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()

	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
}

func TestOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")

	o, err := extent.Create(path, 0o640)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(path); err == nil {
		t.Error("the name is there before Commit")
	}

	if err := o.Commit(true); err != nil {
		t.Fatal(err)
	}

	o.Abort() // nothing more

	if err := o.Commit(false); err == nil {
		t.Error("a second Commit is no error")
	}

	if o, err = extent.Create(path, 0o640); err != nil {
		t.Fatal(err)
	}

	o.Abort()

	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("the directory has %v", entries)
	}
}

func TestClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}

	r.Close()

	l, _ := sample(t)
	if _, err := l.WriteTo(w); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("error: %v", err)
	}
}

func FuzzSlices(f *testing.F) {
	f.Add([]byte("abc"), uint16(7), uint16(2), uint16(5))
	f.Add([]byte{}, uint16(0), uint16(0), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, zeros, off, n uint16) {
		l := &extent.List{}
		l.AppendBytes(b)
		l.AppendZeros(int64(zeros))
		l.AppendRange(bytes.NewReader(b), 0, int64(len(b)))

		want := append(append(append([]byte(nil), b...), make([]byte, zeros)...), b...)
		lo := min(int(off), len(want))
		hi := min(lo+int(n), len(want))

		got, err := l.Slice(int64(off), int64(n)).Bytes(1 << 20)
		if err != nil || !bytes.Equal(got, want[lo:hi]) {
			t.Fatalf("Slice(%d, %d) = %v, %v", off, n, got, err)
		}
	})
}
