package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dropCaches is documented in Documentation/admin-guide/sysctl/vm.rst.
const dropCaches = "/proc/sys/vm/drop_caches"

// DropAll writes back what is dirty and empties the page cache, the directory
// and the inode cache. Only root can.
func DropAll() error {
	unix.Sync()

	if err := os.WriteFile(dropCaches, []byte("3\n"), 0); err != nil {
		return fmt.Errorf("empty the page cache: %w", err)
	}

	return nil
}

// CanDropAll says whether DropAll is allowed.
func CanDropAll() bool {
	f, err := os.OpenFile(dropCaches, os.O_WRONLY, 0)
	if err != nil {
		return false
	}

	return f.Close() == nil
}

// DropFiles writes back what is dirty and asks the kernel to forget the pages
// of the files, and of those below the directories. Anyone can.
func DropFiles(paths ...string) error {
	unix.Sync()

	return each(paths, func(f *os.File, size int64) error {
		return unix.Fadvise(int(f.Fd()), 0, size, unix.FADV_DONTNEED)
	})
}

// Warm reads the files, and those below the directories.
func Warm(paths ...string) error {
	return each(paths, func(f *os.File, _ int64) error {
		_, err := io.Copy(io.Discard, f)

		return err
	})
}

func each(paths []string, do func(*os.File, int64) error) error {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}

			f, err := os.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()

			info, err := f.Stat()
			if err != nil || !info.Mode().IsRegular() {
				return err
			}

			if err := do(f, info.Size()); err != nil {
				return &fs.PathError{Op: "bring into the wanted state", Path: name, Err: err}
			}

			return nil
		})
		if err != nil {
			return err
		}
	}

	return nil
}

// ProgramFiles are the files that a program is loaded from: its own, and where
// ldd can tell, its libraries.
func ProgramFiles(program string) ([]string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}

	files := []string{path}

	// ldd fails for a static program, which has no libraries.
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) || errors.Is(err, exec.ErrNotFound) {
			return files, nil
		}

		return nil, err
	}

	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, "/") {
			files = append(files, word)
		}
	}

	return files, nil
}

// fileSystems are the names of the magic numbers of statfs(2).
var fileSystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "XFS", unix.BTRFS_SUPER_MAGIC: "Btrfs",
	unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.F2FS_SUPER_MAGIC: "F2FS",
	unix.NFS_SUPER_MAGIC: "NFS",
}

// FileSystem is the type of the file system that holds the path.
func FileSystem(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", fmt.Errorf("look at the file system of %s: %w", path, err)
	}

	// The field's type differs between architectures.
	if name := fileSystems[int64(st.Type)]; name != "" { //nolint:unconvert
		return name, nil
	}

	return fmt.Sprintf("type %#x", st.Type), nil
}
