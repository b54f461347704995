package xz_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
)

func BenchmarkReader(b *testing.B) {
	d, err := os.ReadFile(os.Getenv("XZ_FILE"))
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		n, err := io.Copy(io.Discard, xz.NewReader(bytes.NewReader(d)))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}
