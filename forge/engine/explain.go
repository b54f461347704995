package engine

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

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

		found := &StepError{Step: step, ExitCode: -1, Output: output, Recipe: recipeOf(err), Err: err}

		if errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus {
			found.ExitCode = int(exit.ExitCode)
		}

		return found
	}

	return nil
}

// recipeOf is the place in a recipe that the solver's error names. It knows
// lines only; of a block of text (`- |`) the first line that says something is
// meant.
func recipeOf(err error) *Recipe {
	for _, source := range errdefs.Sources(err) {
		if source.Info == nil || len(source.Ranges) == 0 || source.Ranges[0].Start == nil {
			continue
		}

		lines := strings.Split(string(source.Info.Data), "\n")
		first := int(source.Ranges[0].Start.Line)
		last := first

		if end := source.Ranges[0].End; end != nil {
			last = max(first, int(end.Line))
		}

		if first < 1 || first > len(lines) {
			continue
		}

		r := &Recipe{File: source.Info.Filename, Line: first, Text: strings.TrimRight(lines[first-1], "\r")}
		said := strings.TrimLeft(r.Text, " \t-")

		if strings.HasPrefix(said, "|") || strings.HasPrefix(said, ">") {
			for i := first; i < min(last, len(lines)); i++ {
				if text := strings.TrimSpace(lines[i]); text != "" && !strings.HasPrefix(text, "#") {
					r.Line, r.Text = i+1, strings.TrimRight(lines[i], "\r")
					said = strings.TrimLeft(r.Text, " \t")

					break
				}
			}
		}

		r.Column = utf8.RuneCountInString(r.Text) - utf8.RuneCountInString(said) + 1

		return r
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
