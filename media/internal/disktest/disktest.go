// Package disktest is what the tests of the disk formats share: a disk with
// everything in it that a writer can get wrong, and QEMU as the judge of what
// was written.
package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/media/extent"
)

// Size is the size of Disk, in bytes: a multiple of 1 MiB.
const Size = 70 << 20

// Disk has text, noise, zeros that are data and zeros that are none, at places
// that are no multiples of anything, and something in its last sector.
func Disk(tb testing.TB) *extent.List {
	tb.Helper()

	noise := make([]byte, 2<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)

	l := extent.FromBytes([]byte(strings.Repeat("anvil ", 100_000)))
	l.AppendZeros(3<<20 + 7)
	l.AppendRange(bytes.NewReader(noise), 100, 1<<20+300)
	l.AppendBytes(make([]byte, 1<<20))
	l.AppendZeros(40<<20 - 1)
	l.AppendBytes(bytes.Repeat([]byte{0xaa, 0x55, 0}, 200_001))

	if err := l.PadTo(Size - 512); err != nil {
		tb.Fatal(err)
	}

	l.AppendBytes(noise[:512])

	return l
}

// Image is a reader of a disk format.
type Image interface {
	io.ReaderAt
	Size() int64
}

// Same compares what an image holds with a disk, also in odd pieces.
func Same(tb testing.TB, i Image, disk *extent.List) {
	tb.Helper()

	if i.Size() != disk.Size() {
		tb.Fatalf("the disk has %d bytes, want %d", i.Size(), disk.Size())
	}

	const piece = 1<<20 + 17

	got, want := make([]byte, piece), make([]byte, piece)

	for off := int64(0); off < disk.Size(); off += piece {
		n, err := i.ReadAt(got, off)
		m, _ := disk.ReadAt(want, off)

		if n != m || err != nil && (!errors.Is(err, io.EOF) || n == piece) {
			tb.Fatalf("%d bytes at %d, want %d: %v", n, off, m, err)
		}

		if !bytes.Equal(got[:n], want[:n]) {
			tb.Fatalf("the bytes from %d differ", off)
		}
	}

	if n, err := i.ReadAt(got, i.Size()); n != 0 || !errors.Is(err, io.EOF) {
		tb.Errorf("at the end: %d, %v", n, err)
	}
}

// QEMU has qemu-img check and compare a file that is to hold disk, and returns
// what qemu-img info says.
func QEMU(tb testing.TB, format, file string, disk *extent.List) string {
	tb.Helper()

	if _, err := exec.LookPath("qemu-img"); err != nil {
		tb.Skip("qemu-img is not installed (Debian: qemu-utils)")
	}

	raw := filepath.Join(tb.TempDir(), "raw")
	if err := extent.WriteFileAtomic(raw, disk, 0o600); err != nil {
		tb.Fatal(err)
	}

	run := func(args ...string) string {
		out, err := exec.Command("qemu-img", args...).CombinedOutput()
		if err != nil {
			tb.Fatalf("qemu-img %s: %v\n%s", strings.Join(args, " "), err, out)
		}

		return string(out)
	}

	if format == "qcow2" || format == "vhdx" || format == "vmdk" {
		run("check", "-f", format, file)
	}

	run("compare", "-f", "raw", "-F", format, raw, file)

	// Comparing takes what is missing at the end for zeros.
	info := run("info", "-f", format, file)
	if !strings.Contains(info, fmt.Sprintf("(%d bytes)", disk.Size())) {
		tb.Errorf("not %d bytes:\n%s", disk.Size(), info)
	}

	return info
}

// Write writes a list to a new file and returns its name.
func Write(tb testing.TB, l *extent.List) string {
	tb.Helper()

	file := filepath.Join(tb.TempDir(), "image")
	if err := extent.WriteFileAtomic(file, l, 0o600); err != nil {
		tb.Fatal(err)
	}

	return file
}

// Open opens a file that was written and returns it with its size.
func Open(tb testing.TB, file string) (*os.File, int64) {
	tb.Helper()

	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}

	tb.Cleanup(func() { _ = f.Close() })

	st, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}

	return f, st.Size()
}

// Damage opens a file with each of its first bytes, and some others, changed,
// and cut off at many places: open and ReadAt must not panic.
func Damage(tb testing.TB, whole []byte, open func(io.ReaderAt, int64) (Image, error)) {
	tb.Helper()

	look := func(b []byte) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
				tb.Error(err)
			}
		}()

		i, err := open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return err
		}

		p := make([]byte, 4096)
		for _, off := range []int64{0, i.Size() / 2, max(i.Size()-4096, 0)} {
			_, _ = i.ReadAt(p, off)
		}

		return nil
	}

	for at := 0; at < len(whole); at += 1 + at/10 {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		_ = look(b)
		_ = look(whole[:at])
	}

	if look(nil) == nil || look(whole[:100]) == nil {
		tb.Error("what is cut off is no error")
	}
}
