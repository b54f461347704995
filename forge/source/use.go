package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// usePoll is how often a waiting process looks whether it may go on.
const usePoll = 100 * time.Millisecond

// Use keeps the store's files from being collected until done is called. Any
// number of builds use a store at a time; while it is being collected they
// wait, until ctx ends. A store that can't be written to is not collected
// either, and needs no protection.
func (s *Store) Use(ctx context.Context) (done func(), err error) {
	return s.hold(ctx, unix.LOCK_SH, nil)
}

// Own waits until nobody uses the store, and keeps others from it until done
// is called. waiting is called once if it has to wait; it may be nil.
func (s *Store) Own(ctx context.Context, waiting func()) (done func(), err error) {
	return s.hold(ctx, unix.LOCK_EX, waiting)
}

func (s *Store) hold(ctx context.Context, how int, waiting func()) (func(), error) {
	path := filepath.Join(s.root, "store.lock")

	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if how == unix.LOCK_SH && (errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES)) {
		return func() {}, nil
	}

	if err != nil {
		return nil, fmt.Errorf("lock source store: %w", err)
	}

	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil //nolint:errcheck // nothing was written
		}

		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close() //nolint:errcheck // the first error is the one to report

			return nil, fmt.Errorf("lock %s: %w", path, err)
		}

		if waiting != nil {
			waiting()

			waiting = nil
		}

		select {
		case <-ctx.Done():
			file.Close() //nolint:errcheck // nothing was written

			return nil, fmt.Errorf("wait for the source store: %w", context.Cause(ctx))
		case <-time.After(usePoll):
		}
	}
}
