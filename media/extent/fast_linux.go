package extent

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// copyFileRange copies up to n bytes inside the kernel and returns how many
// it did; fewer than n without an error means that the caller has to go on by
// hand (other file system, old kernel, or the source ended).
func copyFileRange(dst *os.File, dstOff int64, src *os.File, srcOff, n int64) (int64, error) {
	done := int64(0)

	for done < n {
		// The kernel caps one call below 2 GiB; 1 GiB keeps it interruptible.
		m, err := unix.CopyFileRange(int(src.Fd()), &srcOff, int(dst.Fd()), &dstOff, int(min(n-done, 1<<30)), 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}

		if err != nil {
			if isUnsupported(err, unix.EXDEV, unix.ENOSYS, unix.EINVAL, unix.EPERM, unix.EBADF, unix.EIO) {
				return done, nil
			}

			return done, err
		}

		if m == 0 {
			return done, nil
		}

		done += int64(m)
	}

	return done, nil
}

// punchHole makes n bytes of f from off read as zeros without storing them.
// It reports false when the file system can't.
func punchHole(f *os.File, off, n int64) (bool, error) {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if err == nil {
		return true, nil
	}

	if isUnsupported(err, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EINVAL) {
		return false, nil
	}

	return false, os.NewSyscallError("fallocate", err)
}
