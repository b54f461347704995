package vmdk_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/internal/disktest"
	"github.com/akmon-os/akmon/media/vmdk"
)

func write(tb testing.TB, disk *extent.List, o vmdk.Options) []byte {
	tb.Helper()

	var b bytes.Buffer
	if err := vmdk.Write(tb.Context(), &b, disk, o); err != nil {
		tb.Fatal(err)
	}

	return b.Bytes()
}

func TestVMDK(t *testing.T) {
	disk := disktest.Disk(t)
	b := write(t, disk, vmdk.Options{Name: "x.vmdk", ID: [16]byte{9, 8, 7}})

	if !bytes.Equal(b, write(t, disk, vmdk.Options{Name: "x.vmdk", ID: [16]byte{9, 8, 7}, Workers: 3})) {
		t.Error("other workers, other bytes")
	}

	i, err := vmdk.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}

	disktest.Same(t, i, disk)

	file := filepath.Join(t.TempDir(), "x.vmdk")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}

	disktest.QEMU(t, "vmdk", file, disk)
}

// TestParts has disks that end inside of a grain, and tables without grains.
func TestParts(t *testing.T) {
	disk := extent.FromBytes(bytes.Repeat([]byte("x"), 512))
	disktest.Same(t, reopen(t, disk), disk)

	if err := disk.PadTo(100<<20 - 512*3); err != nil {
		t.Fatal(err)
	}

	disk.AppendBytes(bytes.Repeat([]byte("y"), 512))
	disktest.Same(t, reopen(t, disk), disk)
}

func reopen(t *testing.T, disk *extent.List) *vmdk.Image {
	t.Helper()

	b := write(t, disk, vmdk.Options{})

	i, err := vmdk.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}

	return i
}

// TestForeign reads what QEMU writes.
func TestForeign(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip(err)
	}

	disk := disktest.Disk(t)
	file := filepath.Join(t.TempDir(), "qemu.vmdk")

	if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized",
		disktest.Write(t, disk), file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	i, err := vmdk.Open(disktest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}

	disktest.Same(t, i, disk)
}

type full struct{ n int }

var errFull = errors.New("full")

func (w *full) Write(p []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, errFull
	}

	return len(p), nil
}

func TestErrors(t *testing.T) {
	for n := range 8 {
		if err := vmdk.Write(t.Context(), &full{n}, disktest.Disk(t), vmdk.Options{}); !errors.Is(err, errFull) {
			t.Error(err)
		}
	}

	for _, size := range []int64{0, 100, 3 << 40} {
		disk := &extent.List{}
		disk.AppendZeros(size)

		if err := vmdk.Write(t.Context(), io.Discard, disk, vmdk.Options{}); !errors.Is(err, vmdk.ErrSize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}

	if err := vmdk.Write(t.Context(), io.Discard, disktest.Disk(t), vmdk.Options{Level: 10}); err == nil {
		t.Error("level 10")
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if err := vmdk.Write(ctx, io.Discard, disktest.Disk(t), vmdk.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func small(tb testing.TB) []byte {
	return write(tb, extent.FromBytes(bytes.Repeat([]byte("x"), 70<<10)), vmdk.Options{})
}

func open(r io.ReaderAt, size int64) (disktest.Image, error) { return vmdk.Open(r, size) }

func TestDamage(t *testing.T) { disktest.Damage(t, small(t), open) }

func FuzzOpen(f *testing.F) {
	f.Add(small(f))
	f.Fuzz(func(_ *testing.T, b []byte) {
		i, err := vmdk.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		p := make([]byte, 1000)
		_, _ = i.ReadAt(p, 0)
		_, _ = i.ReadAt(p, max(i.Size()-1000, 0))
	})
}
