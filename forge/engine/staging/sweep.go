package staging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Sweep removes what dead processes left, and returns the paths removed.
func Sweep(journalDir string) ([]string, error) {
	entries, err := os.ReadDir(journalDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("reading the journal of exports: %w", err)
	}

	var (
		removed []string
		errs    []error
	)

	for _, entry := range entries {
		if ownerAlive(entry.Name()) {
			continue
		}

		journal := filepath.Join(journalDir, entry.Name())

		path, err := os.ReadFile(journal)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		// Whatever else got into the journal, only our own temporary names
		// are ever removed.
		if name := filepath.Base(string(path)); strings.HasSuffix(name, marker+entry.Name()) {
			if _, err := os.Lstat(string(path)); err == nil {
				if err := removeAll(string(path)); err != nil {
					errs = append(errs, err)

					continue
				}

				removed = append(removed, string(path))
			}
		}

		if err := os.Remove(journal); err != nil {
			errs = append(errs, err)
		}
	}

	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("removing unfinished exports: %w", err)
	}

	return removed, nil
}

// ownerAlive reads the pid and start time at the beginning of a journal
// entry's name.
func ownerAlive(name string) bool {
	parts := strings.SplitN(name, "-", 3)
	if len(parts) != 3 {
		return false
	}

	pid, err := strconv.Atoi(parts[0])
	if err != nil || pid <= 0 {
		return false
	}

	start := startTime(pid)

	return start != 0 && strconv.FormatUint(start, 10) == parts[1]
}

// startTime is field 22 of /proc/PID/stat (proc_pid_stat(5)): clock ticks
// between boot and the process's start; 0 if there is no such process. With
// the pid it names a process for as long as the machine is up.
func startTime(pid int) uint64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}

	// Field 2 is the command in parentheses and may hold anything.
	i := strings.LastIndexByte(string(data), ')')
	if i < 0 {
		return 0
	}

	fields := strings.Fields(string(data[i+1:]))
	if len(fields) < 20 {
		return 0
	}

	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0
	}

	return start
}
