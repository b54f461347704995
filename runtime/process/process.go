package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start.
type Spec struct {
	Path string
	// Args begin with the program's own name.
	Args []string
	Env  []string
	// Output gets standard output and error; it is written by one goroutine.
	Output io.Writer
	// UID and GID of the process, when User is set; supplementary groups are
	// dropped with them.
	User     bool
	UID, GID uint32
	// Drop lists capabilities (CAP_ numbers) that the process and its children
	// can never have.
	Drop []uintptr
	// NoNewPrivs keeps set-user-ID programs from raising privileges.
	NoNewPrivs bool
	// CgroupFD is an open directory of a version 2 cgroup to start in, when
	// UseCgroup is set.
	UseCgroup bool
	CgroupFD  int
}

// AllCaps lists every capability that this kernel knows.
func AllCaps() []uintptr {
	var out []uintptr

	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); err == nil && v >= 0 {
			out = append(out, c)
		}
	}

	return out
}

// Process is a child.
type Process struct {
	PID int

	exited chan struct{}
	status Status
}

// Start forks the process that spec describes.
func (r *Reaper) Start(spec Spec) (*Process, error) {
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}

	defer pw.Close() //nolint:errcheck

	null, err := os.Open(os.DevNull)
	if err != nil {
		pr.Close() //nolint:errcheck

		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}

	defer null.Close() //nolint:errcheck

	p := &Process{exited: make(chan struct{})}

	if err = r.fork(spec, p, []uintptr{null.Fd(), pw.Fd(), pw.Fd()}); err != nil {
		pr.Close() //nolint:errcheck

		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}

	out := spec.Output
	if out == nil {
		out = io.Discard
	}

	go func() {
		defer pr.Close() //nolint:errcheck

		io.Copy(out, pr) //nolint:errcheck
	}()

	return p, nil
}

// fork runs on a thread of its own; see the package comment.
func (r *Reaper) fork(spec Spec, p *Process, files []uintptr) error {
	result := make(chan error, 1)

	go func() {
		// Not unlocked: the goroutine's end also ends the thread.
		runtime.LockOSThread()

		result <- func() error {
			for _, c := range spec.Drop {
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
					return fmt.Errorf("drop capability %d: %w", c, err)
				}
			}

			if spec.NoNewPrivs {
				if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
					return fmt.Errorf("set no_new_privs: %w", err)
				}
			}

			attr := &syscall.ProcAttr{
				Env:   spec.Env,
				Files: files,
				Sys:   &syscall.SysProcAttr{Setsid: true, UseCgroupFD: spec.UseCgroup, CgroupFD: spec.CgroupFD},
			}

			if spec.User {
				attr.Sys.Credential = &syscall.Credential{Uid: spec.UID, Gid: spec.GID}
			}

			r.mu.Lock()
			defer r.mu.Unlock()

			pid, err := syscall.ForkExec(spec.Path, spec.Args, attr)
			if err != nil {
				return fmt.Errorf("fork and exec: %w", err)
			}

			p.PID = pid
			r.children[pid] = p

			return nil
		}()
	}()

	return <-result
}

// Signal sends a signal; a process that has ended is not an error.
func (p *Process) Signal(sig syscall.Signal) error {
	select {
	case <-p.exited:
		return nil
	default:
	}

	if err := unix.Kill(p.PID, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}

	return nil
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait waits for the end of the process and returns how it ended.
func (p *Process) Wait() Status {
	<-p.exited

	return p.status
}

// RunUntil starts a process and waits for it. When ctx ends first it asks the
// process to end (SIGTERM), insists after grace (SIGKILL), and returns nil.
func (r *Reaper) RunUntil(ctx context.Context, spec Spec, grace time.Duration, started func(*Process)) error {
	p, err := r.Start(spec)
	if err != nil {
		return err
	}

	if started != nil {
		started(p)
	}

	stop := context.AfterFunc(ctx, func() {
		p.Signal(syscall.SIGTERM) //nolint:errcheck

		select {
		case <-p.exited:
		case <-time.After(grace):
			p.Signal(syscall.SIGKILL) //nolint:errcheck
		}
	})
	defer stop()

	status := p.Wait()

	if ctx.Err() != nil {
		return nil
	}

	if err := status.Err(); err != nil {
		return fmt.Errorf("%s %w", spec.Path, err)
	}

	return nil
}
