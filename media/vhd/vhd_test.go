package vhd_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/internal/disktest"
	"github.com/akmon-os/akmon/media/vhd"
)

func TestVHD(t *testing.T) {
	disk := disktest.Disk(t)
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	l, err := vhd.New(disk, vhd.Options{ID: [16]byte{1, 2, 3}, Time: when})
	if err != nil {
		t.Fatal(err)
	}

	i, err := vhd.Open(l, l.Size())
	if err != nil {
		t.Fatal(err)
	}

	if i.ID != [16]byte{1, 2, 3} || !i.Time.Equal(when) {
		t.Errorf("%x, %s", i.ID, i.Time)
	}

	disktest.Same(t, i, disk)

	info := disktest.QEMU(t, "vpc", disktest.Write(t, l), disk)
	if !strings.Contains(info, "(73400320 bytes)") {
		t.Error(info)
	}
}

// TestGeometry has the values of QEMU for disks of all ranges.
func TestSizes(t *testing.T) {
	for _, mib := range []int64{1, 3, 500, 512, 1246, 8192, 130_000, 2040 << 10} {
		disk := &extent.List{}
		disk.AppendZeros(mib << 20)

		l, err := vhd.New(disk, vhd.Options{})
		if err != nil {
			t.Fatal(err)
		}

		i, err := vhd.Open(l, l.Size())
		if err != nil || i.Size() != mib<<20 || !i.Time.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%d MiB: %v", mib, err)
		}
	}

	for _, size := range []int64{0, 512, 1<<20 + 512, 2041 << 30} {
		disk := &extent.List{}
		disk.AppendZeros(size)

		if _, err := vhd.New(disk, vhd.Options{}); !errors.Is(err, vhd.ErrSize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func small(tb testing.TB) []byte {
	disk := &extent.List{}
	disk.AppendZeros(1 << 20)

	l, err := vhd.New(disk, vhd.Options{})
	if err != nil {
		tb.Fatal(err)
	}

	b, _ := l.Bytes(2 << 20)

	return b
}

func open(r io.ReaderAt, size int64) (disktest.Image, error) { return vhd.Open(r, size) }

func TestDamage(t *testing.T) {
	b := small(t)
	disktest.Damage(t, b[len(b)-vhd.FooterSize:], open)
}

func FuzzOpen(f *testing.F) {
	b := small(f)
	f.Add(b[len(b)-vhd.FooterSize-1024:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 {
			disktest.Damage(t, append(make([]byte, 100), b[:min(len(b), 600)]...), open)
		}
	})
}
