package engine

import (
	"context"
	"errors"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// enospc is how the C library and Go word ENOSPC, in lower case.
const enospc = "no space left on device"

// explain turns a failed solve into the error that a person needs: that it was
// cancelled, that a disk is full, or which step failed and what it printed.
func (e *Engine) explain(ctx context.Context, err error, recorder *progress.Recorder, dirs []string) error {
	if cause := context.Cause(ctx); cause != nil {
		return &CancelledError{Cause: cause, Err: err}
	}

	step := stepError(err, recorder)

	full := err
	if step != nil {
		full = step
	}

	if e.embedded != nil {
		dirs = append([]string{e.embedded.dir}, dirs...)
	}

	if found := diskFull(full, dirs...); !errors.Is(full, found) {
		return found
	}

	return full
}

// CancelledError says that a solve did not end because its context did. It
// unwraps to the context's cause.
type CancelledError struct {
	Cause error
	Err   error
}

func (e *CancelledError) Error() string { return "the build was cancelled: " + e.Cause.Error() }

func (e *CancelledError) Unwrap() error { return e.Cause }

// stepError finds the failed step in the solver's error, nil if none failed.
func stepError(err error, recorder *progress.Recorder) error {
	var (
		vertex *errdefs.VertexError
		exit   *gatewaypb.ExitError
	)

	failed := recorder.Failed()
	if errors.As(err, &vertex) {
		failed = append([]digest.Digest{digest.Digest(vertex.Digest)}, failed...)
	}

	for _, d := range failed {
		step, output, ok := recorder.Step(d)
		if !ok {
			continue
		}

		found := &StepError{Step: step, ExitCode: -1, Output: output, Source: sourceLines(err), Err: err}

		if errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus {
			found.ExitCode = int(exit.ExitCode)
		}

		return found
	}

	return nil
}

// diskFull wraps err in a DiskFullError if it tells of a full disk, and
// otherwise returns it as it is. Of the directories that were written to, the
// one that the error names is meant, else the one with the least room.
func diskFull(err error, dirs ...string) error {
	if err == nil {
		return nil
	}

	var known *DiskFullError
	if errors.As(err, &known) {
		return err
	}

	// Errors of the builder come over a connection: only their text is left.
	text := err.Error()
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !strings.Contains(strings.ToLower(text), enospc) {
		return err
	}

	full := &DiskFullError{Err: err, Free: -1}

	for _, dir := range dirs {
		free, ok := freeBytes(dir)
		if !ok {
			continue
		}

		if full.Free < 0 || free < full.Free {
			full.Path, full.Free = dir, free
		}
	}

	if full.Free < 0 {
		return err
	}

	return full
}

// freeBytes is the room that is left for this process where dir is.
func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}

	return int64(st.Bavail) * st.Bsize, true
}
