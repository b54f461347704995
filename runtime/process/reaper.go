package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper waits for every child of this process. One must run in PID 1 and none
// elsewhere beside os/exec. It is safe for concurrent use.
type Reaper struct {
	// mu is held across fork and registration, so that a child that ends at once
	// is not reaped before it is known.
	mu       sync.Mutex
	children map[int]*Process
	orphans  int
	signals  chan os.Signal
}

// NewReaper makes a reaper and takes over SIGCHLD.
func NewReaper() *Reaper {
	r := &Reaper{children: map[int]*Process{}, signals: make(chan os.Signal, 1)}
	signal.Notify(r.signals, syscall.SIGCHLD)

	return r
}

// Run reaps until the context ends.
func (r *Reaper) Run(ctx context.Context) {
	defer signal.Stop(r.signals)

	for {
		r.reap()

		select {
		case <-ctx.Done():
			return
		case <-r.signals: // one signal may stand for many children
		}
	}
}

// Orphans counts the children that were reaped and that nobody here started.
func (r *Reaper) Orphans() int {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.orphans
}

func (r *Reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()

	for {
		var ws unix.WaitStatus

		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.EINTR { //nolint:errorlint
			continue
		}

		if err != nil || pid <= 0 {
			return
		}

		p, ok := r.children[pid]
		if !ok {
			r.orphans++

			continue
		}

		delete(r.children, pid)

		p.status = Status{Code: ws.ExitStatus(), Signal: ws.Signal(), Signaled: ws.Signaled()}
		close(p.exited)
	}
}

// Status is how a process ended.
type Status struct {
	// Code is the exit code, when the process was not ended by a signal.
	Code     int
	Signal   syscall.Signal
	Signaled bool
}

// Err is nil for exit code 0.
func (s Status) Err() error {
	switch {
	case s.Signaled:
		return fmt.Errorf("ended by signal %d (%s)", int(s.Signal), unix.SignalName(s.Signal))
	case s.Code != 0:
		return fmt.Errorf("ended with exit code %d", s.Code)
	default:
		return nil
	}
}
