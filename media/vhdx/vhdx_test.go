package vhdx_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/internal/disktest"
	"github.com/akmon-os/akmon/media/vhdx"
)

func TestVHDX(t *testing.T) {
	disk := disktest.Disk(t)

	for _, sector := range []int64{512, 4096} {
		l, err := vhdx.New(disk, vhdx.Options{Seed: []byte("seed"), SectorSize: sector, Creator: "test"})
		if err != nil {
			t.Fatal(err)
		}

		again, err := vhdx.New(disk, vhdx.Options{Seed: []byte("seed"), SectorSize: sector, Creator: "test"})
		if err != nil {
			t.Fatal(err)
		}

		a, _ := l.Bytes(1 << 30)
		if b, _ := again.Bytes(1 << 30); !bytes.Equal(a, b) {
			t.Error("the same disk, other bytes")
		}

		i, err := vhdx.Open(l, l.Size())
		if err != nil {
			t.Fatal(err)
		}

		if i.SectorSize != sector || i.BlockSize != vhdx.BlockSize || i.ID.IsZero() {
			t.Errorf("%+v", i)
		}

		disktest.Same(t, i, disk)

		if sector == 512 { // QEMU knows no other
			disktest.QEMU(t, "vhdx", disktest.Write(t, l), disk)
		}
	}
}

// TestLarge has more blocks than a bitmap of sectors is for, so that the
// table has entries between them.
func TestLarge(t *testing.T) {
	disk := extent.FromBytes([]byte("start"))
	if err := disk.PadTo(9 << 30); err != nil {
		t.Fatal(err)
	}

	disk.AppendBytes(bytes.Repeat([]byte("e"), 4096))

	l, err := vhdx.New(disk, vhdx.Options{})
	if err != nil {
		t.Fatal(err)
	}

	i, err := vhdx.Open(l, l.Size())
	if err != nil {
		t.Fatal(err)
	}

	b := make([]byte, 3)
	if _, err := i.ReadAt(b, i.Size()-3); err != nil || string(b) != "eee" {
		t.Errorf("%q, %v", b, err)
	}

	if _, err := exec.LookPath("qemu-io"); err != nil {
		t.Skip(err)
	}

	out, err := exec.Command("qemu-io", "-r", "-f", "vhdx", "-c", fmt.Sprintf("read -P 0x65 %d 4096", int64(9<<30)),
		"-c", fmt.Sprintf("read -P 0 %d 4096", int64(9<<30-4096)), disktest.Write(t, l)).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("failed")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestForeign reads what QEMU writes.
func TestForeign(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip(err)
	}

	disk := disktest.Disk(t)
	file := filepath.Join(t.TempDir(), "qemu.vhdx")

	if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vhdx", disktest.Write(t, disk), file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	i, err := vhdx.Open(disktest.Open(t, file))
	if err != nil {
		t.Fatal(err)
	}

	disktest.Same(t, i, disk)
}

func TestErrors(t *testing.T) {
	for _, size := range []int64{0, 100, 65 << 40} {
		disk := &extent.List{}
		disk.AppendZeros(size)

		if _, err := vhdx.New(disk, vhdx.Options{}); !errors.Is(err, vhdx.ErrSize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}

	if _, err := vhdx.New(extent.FromBytes(make([]byte, 4096)), vhdx.Options{SectorSize: 1000}); !errors.Is(err, vhdx.ErrSize) {
		t.Error(err)
	}
}

func open(r io.ReaderAt, size int64) (disktest.Image, error) { return vhdx.Open(r, size) }

func TestDamage(t *testing.T) {
	l, err := vhdx.New(extent.FromBytes(bytes.Repeat([]byte("x"), 5120)), vhdx.Options{})
	if err != nil {
		t.Fatal(err)
	}

	b, _ := l.Bytes(1 << 30)
	disktest.Damage(t, b, open)
}

func FuzzOpen(f *testing.F) {
	l, err := vhdx.New(extent.FromBytes(bytes.Repeat([]byte("x"), 5120)), vhdx.Options{})
	if err != nil {
		f.Fatal(err)
	}

	whole, _ := l.Bytes(1 << 30)

	// What comes behind the checksums is what can be changed unseen.
	f.Add(whole[2<<20:2<<20+512], whole[2<<20+64<<10:2<<20+64<<10+64], whole[3<<20:3<<20+64])
	f.Fuzz(func(_ *testing.T, table, items, bat []byte) {
		b := bytes.Clone(whole)
		copy(b[2<<20:], table[:min(len(table), 4096)])
		copy(b[2<<20+64<<10:], items[:min(len(items), 4096)])
		copy(b[3<<20:], bat[:min(len(bat), 4096)])

		i, err := vhdx.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		p := make([]byte, 1000)
		_, _ = i.ReadAt(p, 0)
		_, _ = i.ReadAt(p, max(i.Size()-1000, 0))
	})
}
