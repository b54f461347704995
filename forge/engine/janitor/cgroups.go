package janitor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupPatience is how long killed processes may take to leave a cgroup.
const cgroupPatience = 5 * time.Second

// cgroups removes the given path and all below it from every cgroup hierarchy
// that is mounted (v1 has many, v2 one), and kills what still runs there.
func cgroups(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}

	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}

	var (
		removed []string
		errs    []error
	)

	for _, m := range parseMountInfo(string(data)) {
		if m.kind != "cgroup" && m.kind != "cgroup2" {
			continue
		}

		got, err := removeCgroup(filepath.Join(m.path, path))
		if err != nil {
			errs = append(errs, err)
		}

		removed = append(removed, got...)
	}

	return removed, errors.Join(errs...)
}

// removeCgroup removes the tree at dir, leaves first: a cgroup that has
// children can't be removed.
func removeCgroup(dir string) ([]string, error) {
	var dirs []string

	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}

		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for cgroups: %w", err)
	}

	var removed []string

	for i := len(dirs) - 1; i >= 0; i-- {
		if err := emptyCgroup(dirs[i]); err != nil {
			return removed, err
		}

		removed = append(removed, dirs[i])
	}

	return removed, nil
}

func emptyCgroup(dir string) error {
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}

		if !errors.Is(err, unix.EBUSY) || time.Since(start) > cgroupPatience {
			return fmt.Errorf("removing cgroup %s: %w", dir, err)
		}

		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}

		for _, text := range strings.Fields(string(procs)) {
			// 0 is a process that this pid namespace doesn't see; killing
			// "0" would kill our own process group.
			if pid, err := strconv.Atoi(text); err == nil && pid > 1 && pid != os.Getpid() {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}
