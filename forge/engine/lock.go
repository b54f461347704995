package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const lockName = "engine.lock"

// lockPoll is how often a waiting process looks whether the lock is free.
const lockPoll = 100 * time.Millisecond

// stateLock is the exclusive right to a state directory. The kernel releases
// it when its owner dies, however it dies.
type stateLock struct{ file *os.File }

// lockState creates dir if need be and takes its lock. It waits until ctx
// ends, after telling who holds the lock, unless noWait.
func lockState(ctx context.Context, dir string, noWait bool, log func(format string, args ...any)) (*stateLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the engine's state directory: %w", err)
	}

	path := filepath.Join(dir, lockName)

	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the engine's lock: %w", err)
	}

	for told := false; ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}

		if errors.Is(err, unix.EINTR) {
			continue
		}

		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()

			return nil, fmt.Errorf("locking %s: %w", path, err)
		}

		locked := &LockedError{StateDir: dir, PID: lockOwner(path)}
		if noWait {
			file.Close()

			return nil, locked
		}

		if !told {
			log("%v; waiting for it", locked)

			told = true
		}

		select {
		case <-ctx.Done():
			file.Close()

			return nil, fmt.Errorf("waiting for the engine's state directory: %w: %w", locked, context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}

	// The pid is for messages alone, so failing to note it fails nothing.
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}

	return &stateLock{file: file}, nil
}

func (l *stateLock) release() error { return l.file.Close() }

// lockOwner reads the pid that the owner noted, 0 if none can be read.
func lockOwner(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}

	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}

	return pid
}
