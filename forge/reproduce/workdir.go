package reproduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// workDir holds the engines and results of one run. It is locked while it is
// in use, so that a later run can remove what a killed one left.
type workDir struct {
	path string
	lock *os.File
	// keep leaves it there.
	keep bool
}

// newWorkDir makes a directory below parent; empty means
// $XDG_CACHE_HOME/akmon/reproduce. What killed runs left there is removed.
func newWorkDir(parent string) (*workDir, error) {
	if parent == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding a directory to build in: %w; set HOME or XDG_CACHE_HOME", err)
		}

		parent = filepath.Join(cache, "akmon", "reproduce")
	}

	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, fmt.Errorf("finding a directory to build in: %w", err)
	}

	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory to build in: %w", err)
	}

	// Mount tables hold resolved paths.
	if parent, err = filepath.EvalSymlinks(parent); err != nil {
		return nil, fmt.Errorf("finding a directory to build in: %w", err)
	}

	if err := sweep(parent); err != nil {
		return nil, err
	}

	path, err := os.MkdirTemp(parent, workPrefix)
	if err != nil {
		return nil, fmt.Errorf("making a directory to build in: %w", err)
	}

	w := &workDir{path: path}

	if w.lock, err = tryLock(filepath.Join(path, lockFile)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}

	return w, nil
}

const (
	workPrefix = "run-"
	lockFile   = "lock"
	// keptFile marks a directory that its run was asked to keep.
	keptFile = "kept"
)

// sweep removes the directories of runs that were killed.
func sweep(parent string) error {
	old, err := filepath.Glob(filepath.Join(parent, workPrefix+"*"))
	if err != nil {
		return fmt.Errorf("looking for what earlier runs left: %w", err)
	}

	for _, path := range old {
		if _, err := os.Stat(filepath.Join(path, keptFile)); err == nil {
			continue
		}

		// A directory without a lock was only just made, or lost it on removal.
		lock, err := tryLock(filepath.Join(path, lockFile))
		if err != nil {
			continue
		}

		if err := errors.Join(removeAll(path), lock.Close()); err != nil {
			return fmt.Errorf("removing what an earlier run left: %w", err)
		}
	}

	return nil
}

func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking a directory: %w", err)
	}

	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}

	return file, nil
}

// removeAll unmounts everything below a directory and removes it.
func removeAll(path string) error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(path))
	if err != nil {
		return fmt.Errorf("looking for mounts: %w", err)
	}

	// What was mounted last goes first.
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := unmount(mounts[i].Mountpoint); err != nil {
			return err
		}
	}

	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("removing a directory: %w", err)
	}

	return nil
}

// unmount waits a little for what the kernel still has open: the last
// processes of a build may not be gone wholly. After that the file system goes
// when it is no longer in use.
func unmount(path string) error {
	const (
		patience = 5 * time.Second
		pause    = 20 * time.Millisecond
	)

	var err error

	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		if err = unix.Unmount(path, 0); !errors.Is(err, unix.EBUSY) {
			break
		}
	}

	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(path, unix.MNT_DETACH)
	}

	if err != nil {
		return fmt.Errorf("unmounting %s: %w", path, err)
	}

	return nil
}

// close removes the directory, or leaves it for the user.
func (w *workDir) close() error {
	if w.keep {
		return errors.Join(os.WriteFile(filepath.Join(w.path, keptFile), nil, 0o600), w.lock.Close())
	}

	return errors.Join(removeAll(w.path), w.lock.Close())
}

// join is a path in the directory.
func (w *workDir) join(name ...string) string {
	return filepath.Join(append([]string{w.path}, name...)...)
}

// shuffle gives the second build's files another order. Most file systems give
// the entries of a directory in an order of their own; ext4's follows a hash
// with a seed that each file system has for itself. So the second build's state
// is put on a new ext4 in a sparse file.
func (w *workDir) shuffle(ctx context.Context, dir string) Condition {
	c := Condition{Name: "order"}

	if os.Geteuid() != 0 {
		c.Note = "mounting a file system needs root"

		return c
	}

	if err := w.mountShuffled(ctx, dir); err != nil {
		c.Note = err.Error()

		return c
	}

	return Condition{Name: "order", Varied: true, First: "this machine's", Second: "that of a new ext4", Note: "of the entries of directories"}
}

func (w *workDir) mountShuffled(ctx context.Context, dir string) error {
	image := dir + ".ext4"

	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a mount point: %w", err)
	}

	var st unix.Statfs_t
	if err := unix.Statfs(w.path, &st); err != nil {
		return fmt.Errorf("measuring the disk: %w", err)
	}

	// Blocks that nothing was written to take no room.
	size := int64(st.Bavail) * st.Bsize / 10 * 8

	file, err := os.OpenFile(image, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making a file system: %w", err)
	}

	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return fmt.Errorf("making a file system: %w", err)
	}

	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal,dir_index", "-E", "lazy_itable_init=1", image},
		{"mount", "-t", "ext4", "-o", "loop,noatime,discard", image, dir},
	} {
		if out, err := command(ctx, args); err != nil {
			return errors.Join(fmt.Errorf("%s: %w %s", args[0], err, out), os.Remove(image))
		}
	}

	// The loop device holds the file; it goes when it is unmounted.
	return os.Remove(image)
}

func command(ctx context.Context, args []string) (string, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		// Root's programs are not in everybody's PATH.
		if path, err = exec.LookPath(filepath.Join("/usr/sbin", args[0])); err != nil {
			return "", fmt.Errorf("it is not installed")
		}
	}

	out, err := exec.CommandContext(ctx, path, args[1:]...).CombinedOutput()

	return strings.Join(strings.Fields(string(out)), " "), err
}
