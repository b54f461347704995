package qcow2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/internal/disktest"
	"github.com/akmon-os/akmon/media/qcow2"
)

func TestPlain(t *testing.T) {
	disk := disktest.Disk(t)

	for _, cluster := range []int64{0, 512, 8 << 10, 2 << 20} {
		t.Run(fmt.Sprint(cluster), func(t *testing.T) {
			l, err := qcow2.New(disk, qcow2.Options{ClusterSize: cluster})
			if err != nil {
				t.Fatal(err)
			}

			i, err := qcow2.Open(l, l.Size())
			if err != nil {
				t.Fatal(err)
			}

			if cluster == 0 {
				cluster = qcow2.DefaultClusterSize
			}

			if i.ClusterSize() != cluster || i.Version != 3 {
				t.Errorf("%d, %d", i.ClusterSize(), i.Version)
			}

			disktest.Same(t, i, disk)
			disktest.QEMU(t, "qcow2", disktest.Write(t, l), disk)
		})
	}
}

// compress writes a compressed image to a new file.
func compress(t testing.TB, disk *extent.List, o qcow2.CompressOptions) string {
	t.Helper()

	f, err := os.Create(filepath.Join(t.TempDir(), "image.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	n, err := qcow2.Compress(t.Context(), f, disk, o)
	if err != nil {
		t.Fatal(err)
	}

	if st, err := f.Stat(); err != nil || st.Size() > n {
		t.Fatalf("%d bytes were written, %d said (%v)", st.Size(), n, err)
	}

	if err := f.Truncate(n); err != nil {
		t.Fatal(err)
	}

	return f.Name()
}

func TestCompressed(t *testing.T) {
	disk := disktest.Disk(t)

	for _, o := range []qcow2.CompressOptions{
		{},
		{Options: qcow2.Options{ClusterSize: 4096}},
		{Options: qcow2.Options{ClusterSize: 2 << 20}},
		{Compression: qcow2.Zstd},
		{Compression: qcow2.Zstd, Options: qcow2.Options{ClusterSize: 8 << 10}},
	} {
		t.Run(fmt.Sprintf("%s %d", o.Compression, o.ClusterSize), func(t *testing.T) {
			file := compress(t, disk, o)
			r, size := disktest.Open(t, file)

			i, err := qcow2.Open(r, size)
			if err != nil {
				t.Fatal(err)
			}

			if i.Compression != o.Compression || size > max(3<<20, 8*o.ClusterSize) {
				t.Errorf("%s, %d bytes", i.Compression, size)
			}

			disktest.Same(t, i, disk)
			disktest.QEMU(t, "qcow2", file, disk)

			o.Workers = 3
			a, _ := os.ReadFile(file)

			if b, _ := os.ReadFile(compress(t, disk, o)); !bytes.Equal(a, b) {
				t.Error("other workers, other bytes")
			}
		})
	}
}

// TestForeign reads what QEMU writes.
func TestForeign(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip(err)
	}

	disk := disktest.Disk(t)
	raw := disktest.Write(t, disk)

	for _, args := range [][]string{{}, {"-c"}, {"-c", "-o", "compression_type=zstd,cluster_size=16k"}, {"-o", "compat=0.10"}} {
		file := filepath.Join(t.TempDir(), "qemu.qcow2")

		args = append(append([]string{"convert", "-f", "raw", "-O", "qcow2"}, args...), raw, file)
		if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}

		i, err := qcow2.Open(disktest.Open(t, file))
		if err != nil {
			t.Fatal(err)
		}

		disktest.Same(t, i, disk)
	}
}

func TestEmptyDisk(t *testing.T) {
	disk := &extent.List{}
	disk.AppendZeros(5<<30 + 512)

	l, err := qcow2.New(disk, qcow2.Options{})
	if err != nil || l.Size() > 1<<20 {
		t.Fatal(l.Size(), err)
	}

	disktest.QEMU(t, "qcow2", disktest.Write(t, l), disk)
	disktest.QEMU(t, "qcow2", compress(t, disk, qcow2.CompressOptions{}), disk)
}

type full struct{}

var errFull = errors.New("full")

func (full) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestErrors(t *testing.T) {
	disk := extent.FromBytes(make([]byte, 1024))
	for _, o := range []qcow2.Options{{ClusterSize: 1000}, {ClusterSize: 256}, {ClusterSize: 4 << 20}, {ClusterSize: -1}} {
		if _, err := qcow2.New(disk, o); !errors.Is(err, qcow2.ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}

	if _, err := qcow2.New(extent.FromBytes([]byte("x")), qcow2.Options{}); !errors.Is(err, qcow2.ErrOptions) {
		t.Error(err)
	}

	if _, err := qcow2.Compress(t.Context(), full{}, disktest.Disk(t), qcow2.CompressOptions{}); !errors.Is(err, errFull) {
		t.Error(err)
	}

	if _, err := qcow2.Compress(t.Context(), full{}, disk, qcow2.CompressOptions{Compression: 7}); !errors.Is(err, qcow2.ErrOptions) {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := qcow2.Compress(ctx, full{}, disk, qcow2.CompressOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func open(r io.ReaderAt, size int64) (disktest.Image, error) { return qcow2.Open(r, size) }

// small is an image with clusters of each kind.
func small(tb testing.TB, c qcow2.Compression) []byte {
	noise, _ := disktest.Disk(tb).Slice(4<<20, 2048).Bytes(4096)
	l := extent.FromBytes(bytes.Repeat([]byte("a"), 2048))
	l.AppendBytes(noise)

	b, err := os.ReadFile(compress(tb, l, qcow2.CompressOptions{Options: qcow2.Options{ClusterSize: 512}, Compression: c}))
	if err != nil {
		tb.Fatal(err)
	}

	return b
}

func TestDamage(t *testing.T) {
	disktest.Damage(t, small(t, qcow2.Deflate), open)
	disktest.Damage(t, small(t, qcow2.Zstd), open)
}

func FuzzOpen(f *testing.F) {
	f.Add(small(f, qcow2.Deflate))
	f.Add(small(f, qcow2.Zstd))
	f.Fuzz(func(_ *testing.T, b []byte) {
		i, err := qcow2.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}

		p := make([]byte, 1000)
		_, _ = i.ReadAt(p, 0)
		_, _ = i.ReadAt(p, max(i.Size()-1000, 0))
	})
}
