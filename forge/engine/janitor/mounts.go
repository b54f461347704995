package janitor

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountPoint is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountPoint struct {
	// root is the directory of the file system that is mounted.
	root string
	// path is where it is mounted.
	path string
	// kind is the file system's type, options those of its super block.
	kind, options string
}

// parseMountInfo reads mountinfo. Lines that are not understood are left out.
func parseMountInfo(data string) []mountPoint {
	var list []mountPoint

	for line := range strings.Lines(data) {
		// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
		head, tail, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		if !ok {
			continue
		}

		fields, after := strings.Fields(head), strings.SplitN(tail, " ", 3)
		if len(fields) < 6 || len(after) < 3 {
			continue
		}

		list = append(list, mountPoint{root: unescape(fields[3]), path: unescape(fields[4]), kind: after[0], options: after[2]})
	}

	return list
}

// unescape undoes the kernel's octal escapes of space, tab, newline, backslash
// and hash.
func unescape(text string) string {
	if !strings.ContainsRune(text, '\\') {
		return text
	}

	var b strings.Builder

	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && octal(text[i+1:i+4]) {
			b.WriteByte((text[i+1]-'0')<<6 | (text[i+2]-'0')<<3 | (text[i+3] - '0'))

			i += 3

			continue
		}

		b.WriteByte(text[i])
	}

	return b.String()
}

func octal(digits string) bool {
	return digits[0] >= '0' && digits[0] <= '3' && digits[1] >= '0' && digits[1] <= '7' && digits[2] >= '0' && digits[2] <= '7'
}

// within says whether path is below dir; dir itself is not: someone may have
// mounted a disk there.
func within(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }

// below lists the mount points below dir, in the order in which they were
// mounted.
func below(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}

	var list []string

	for _, m := range parseMountInfo(string(data)) {
		if within(dir, m.path) {
			list = append(list, m.path)
		}
	}

	return list, nil
}

// mounts unmounts everything below dir, the last mount first.
func mounts(dir string) ([]string, error) {
	list, err := below(dir)
	if err != nil {
		return nil, err
	}

	var (
		removed []string
		errs    []error
	)

	for i := len(list) - 1; i >= 0; i-- {
		err := unix.Unmount(list[i], unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			// Something still has a file open: take the mount out of the tree
			// and let the kernel finish when the last file is closed.
			err = unix.Unmount(list[i], unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}

		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", list[i], err))

			continue
		}

		removed = append(removed, list[i])
	}

	return removed, errors.Join(errs...)
}
