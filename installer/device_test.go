package installer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// loopDevice attaches a sparse file; it skips where that is not possible.
func loopDevice(t *testing.T, size int64) (device, file string) {
	t.Helper()

	file = filepath.Join(t.TempDir(), "backing")

	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}

	out, err := exec.Command("losetup", "-f", "--show", file).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}

	device = strings.TrimSpace(string(out))

	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "-d", device).CombinedOutput(); err != nil {
			t.Errorf("losetup -d: %v: %s", err, out)
		}
	})

	return device, file
}

func TestInstallToDevice(t *testing.T) {
	l := layout(t)
	device, file := loopDevice(t, 1024*mib)

	// The kernel of a loop device may refuse to look for partitions; that is
	// all that may go wrong.
	err := Install(ctx, Options{Layout: l, Disk: device})
	if err != nil && !strings.Contains(err.Error(), "read the new partition table") {
		t.Fatal(err)
	}

	table, esp := readDisk(t, device)
	if len(table.Partitions) != 4 {
		t.Errorf("%d partitions", len(table.Partitions))
	}

	content(t, esp, SlotA.path())

	// A device's identity is not derived from what is installed.
	image, err := New(l)
	if err != nil {
		t.Fatal(err)
	}

	if table.GUID == image.Table.GUID {
		t.Error("the device has the GUIDs of an image")
	}

	if err := Install(ctx, Options{Layout: l, Disk: device}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("again: got %v, want ErrNotEmpty", err)
	}

	if err := Install(ctx, Options{Layout: l, Disk: file, Force: true}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), device) {
		t.Errorf("backing file: got %v, want ErrInUse with %s", err, device)
	}
}

func TestMountedDiskIsRefused(t *testing.T) {
	device, _ := loopDevice(t, 1024*mib)

	if out, err := exec.Command("mkfs.xfs", "-q", device).CombinedOutput(); err != nil {
		t.Skipf("no file system to mount: %v: %s", err, out)
	}

	dir := t.TempDir()
	if out, err := exec.Command("mount", device, dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}

	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	}()

	err := Install(ctx, Options{Layout: layout(t), Disk: device, Force: true})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "mounted at "+dir) {
		t.Errorf("got %v, want ErrInUse with %s", err, dir)
	}
}
