// Package measure runs programs, takes their time and memory, and brings the
// page cache into a known state before.
package measure

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program that has ended well.
type Process struct {
	// Seconds is the time from its start to its end.
	Seconds float64
	// CPU is what it took of all processors, in seconds.
	CPU float64
	// Peak is the most memory that it had resident at a time, in bytes. Linux
	// counts a child from what its parent had when it was started, so the
	// figure is no less than the peak of the calling process.
	Peak   int64
	Stdout []byte
}

// tail is how much of a failed program's standard error is shown, in bytes.
const tail = 2000

// Run runs a program. Cancelling ctx interrupts it, so that it can clean up.
func Run(ctx context.Context, program string, args ...string) (*Process, error) {
	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute

	start := time.Now()
	err := cmd.Run()
	elapsed := time.Since(start)

	if err != nil {
		text := strings.TrimSpace(stderr.String())
		if len(text) > tail {
			text = "… " + text[len(text)-tail:]
		}

		return nil, fmt.Errorf("run %s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, text)
	}

	state := cmd.ProcessState
	p := &Process{Seconds: elapsed.Seconds(), CPU: (state.UserTime() + state.SystemTime()).Seconds(), Stdout: stdout.Bytes()}

	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		p.Peak = usage.Maxrss * 1024
	}

	return p, nil
}
