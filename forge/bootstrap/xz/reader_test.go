package xz_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	other "github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
)

// sample is data with repetitions near and far, noise, runs, and text: what
// exercises every kind of match.
func sample(size int) []byte {
	var (
		rng  = rand.New(rand.NewPCG(1, 2))
		data = make([]byte, 0, size+1<<16)
	)

	for len(data) < size {
		switch n := rng.IntN(3000) + 1; rng.IntN(5) {
		case 0:
			data = append(data, bytes.Repeat([]byte{byte(n)}, n)...)
		case 1:
			for range n {
				data = append(data, byte(rng.Uint32()))
			}
		case 2:
			data = fmt.Appendf(data, "line %d of a text that repeats itself %x\n", len(data), n)
		default:
			if len(data) > n {
				at := rng.IntN(len(data) - n)
				data = append(data, data[at:at+n]...)
			}
		}
	}

	return data[:size]
}

func pack(t testing.TB, data []byte, config other.WriterConfig) []byte {
	t.Helper()

	var out bytes.Buffer

	w, err := config.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func TestReader(t *testing.T) {
	small := sample(100_000)

	tests := []struct {
		name   string
		data   []byte
		config other.WriterConfig
	}{
		{"empty", nil, other.WriterConfig{}},
		{"one byte", []byte("x"), other.WriterConfig{}},
		{"mixed", small, other.WriterConfig{}},
		{"crc32", small, other.WriterConfig{CheckSum: other.CRC32}},
		{"sha256", small, other.WriterConfig{CheckSum: other.SHA256}},
		{"no check", small, other.WriterConfig{NoCheckSum: true}},
		{"blocks", small, other.WriterConfig{BlockSize: 15_000}},
		{"small dictionary", small, other.WriterConfig{DictCap: 4096}},
		{"properties", small, other.WriterConfig{Properties: &lzma.Properties{LC: 0, LP: 4, PB: 4}}},
		{"other properties", small, other.WriterConfig{Properties: &lzma.Properties{LC: 4, LP: 0, PB: 0}}},
		{"noise", small[:1], other.WriterConfig{}},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packed := pack(t, test.data, test.config)

			got, err := io.ReadAll(xz.NewReader(bytes.NewReader(packed)))
			if err != nil || !bytes.Equal(got, test.data) {
				t.Fatalf("%d bytes, want %d; %v", len(got), len(test.data), err)
			}

			// Two files after one another, with padding, are one.
			twice := append(append(append([]byte(nil), packed...), 0, 0, 0, 0), packed...)

			got, err = io.ReadAll(xz.NewReader(bytes.NewReader(twice)))
			if err != nil || len(got) != 2*len(test.data) {
				t.Errorf("twice: %d bytes, %v", len(got), err)
			}
		})
	}
}

// What xz itself packs, with every preset and several checks and threads.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("xz")
	if err != nil {
		t.Skip("no xz to compare with")
	}

	// The last is more than the buffer takes with a small dictionary: the
	// dictionary is moved to its front, at odd positions.
	short, long := sample(400_000), sample(6<<20)

	for _, args := range [][]string{
		{"-0"}, {"-1"}, {"-6"}, {"-9e"}, {"-T2", "--block-size=100000"}, {"--check=crc32"}, {"--check=sha256"}, {"--check=none"},
		{"--lzma2=preset=6,lc=1,lp=3,pb=1"}, {"--lzma2=preset=0,dict=4KiB"}, {"--lzma2=preset=6,mf=hc3,nice=8"}, {"--lzma2=preset=0,dict=64KiB"},
	} {
		data := short
		if args[0] == "--lzma2=preset=0,dict=64KiB" {
			data = long
		}

		cmd := exec.Command(tool, append(args, "-c")...)
		cmd.Stdin = bytes.NewReader(data)

		packed, err := cmd.Output()
		if err != nil {
			t.Fatalf("xz %v: %v", args, err)
		}

		got, err := io.ReadAll(xz.NewReader(bytes.NewReader(packed)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("xz %v: %d bytes, want %d; %v", args, len(got), len(data), err)
		}
	}
}

// A changed or missing byte is always noticed: everything is under a check.
func TestDamage(t *testing.T) {
	data := sample(2000)
	packed := pack(t, data, other.WriterConfig{BlockSize: 900})

	for i := range packed {
		bad := bytes.Clone(packed)
		bad[i] ^= 1 << (i % 8)

		if _, err := io.Copy(io.Discard, xz.NewReader(bytes.NewReader(bad))); err == nil {
			t.Errorf("a changed byte %d of %d went unnoticed", i, len(packed))
		}

		_, err := io.Copy(io.Discard, xz.NewReader(bytes.NewReader(packed[:i])))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes of %d: %v", i, len(packed), err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, config := range []other.WriterConfig{{}, {NoCheckSum: true, DictCap: 4096}, {BlockSize: 100}} {
		f.Add(pack(f, sample(1000), config))
	}

	f.Add([]byte("\xfd7zXZ\x00"))

	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := io.ReadAll(io.LimitReader(xz.NewReader(bytes.NewReader(data)), 1<<22))
		if err != nil {
			return
		}

		// What is accepted must be what another reader makes of it.
		r, err := other.NewReader(bytes.NewReader(data))
		if err != nil {
			return // it refuses some valid files, such as those with padding at odd places
		}

		want, err := io.ReadAll(io.LimitReader(r, 1<<22))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, another reader has %d", len(got), len(want))
		}
	})
}

// BenchmarkReader unpacks the file that XZ_FILE names, or a sample.
func BenchmarkReader(b *testing.B) {
	packed, err := os.ReadFile(os.Getenv("XZ_FILE"))
	if err != nil {
		packed = pack(b, sample(4<<20), other.WriterConfig{})
	}

	for b.Loop() {
		n, err := io.Copy(io.Discard, xz.NewReader(bytes.NewReader(packed)))
		if err != nil {
			b.Fatal(err)
		}

		b.SetBytes(n)
	}
}
