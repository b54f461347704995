package installer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openExclusive opens for reading and writing. For a block device O_EXCL claims
// it: EBUSY while it, or a partition of it, is mounted or held by a mapping.
func openExclusive(path string, device bool) (*os.File, error) {
	flags := os.O_RDWR
	if device {
		flags |= unix.O_EXCL
	}

	f, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("disk %s is %w%s", path, ErrInUse, mountedAt(path))
	} else if err != nil {
		return nil, fmt.Errorf("open disk: %w", err)
	}

	return f, nil
}

// sectorSize is the logical sector size of a block device, in bytes.
func sectorSize(f *os.File) (int64, error) {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET)
	if err != nil {
		return 0, fmt.Errorf("ask for the sector size: %w", err)
	}

	return int64(n), nil
}

// rereadTable makes the kernel look at a device's new partition table.
func rereadTable(f *os.File) error {
	if _, err := unix.IoctlRetInt(int(f.Fd()), unix.BLKRRPART); err != nil {
		return fmt.Errorf("make the kernel read the new partition table: %w", err)
	}

	return nil
}

// attachedLoop returns the loop device whose backing file is path, or "".
func attachedLoop(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}

	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}

	backing, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return ""
	}

	for _, file := range backing {
		if data, err := os.ReadFile(file); err == nil && strings.TrimSuffix(string(data), "\n") == abs {
			return "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(file)))
		}
	}

	return ""
}

// mountedAt says where the device or a partition of it is mounted, for a
// message; "" when it is held by something else.
func mountedAt(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}

	own, err := sysPath(fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	if err != nil {
		return ""
	}

	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}

	// proc(5): ID, parent, major:minor, root, mount point, …
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}

		dev, err := sysPath(fields[2])
		if err == nil && (dev == own || strings.HasPrefix(dev, own+"/")) {
			return fmt.Sprintf(": %s is mounted at %s", filepath.Base(dev), fields[4])
		}
	}

	return ""
}

// sysPath is a device's directory below /sys/devices; a partition's is in its
// disk's.
func sysPath(number string) (string, error) {
	return filepath.EvalSymlinks("/sys/dev/block/" + number)
}
