package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/schemas/document"
)

// LockedError says that another process uses the state directory.
type LockedError struct {
	StateDir string
	// PID is the other process, 0 if it is not known.
	PID int
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("engine state %s is in use by another process", e.StateDir)
	}

	return fmt.Sprintf("engine state %s is in use by process %d", e.StateDir, e.PID)
}

// HostError says that this host can't run the embedded engine, and what to do.
type HostError struct {
	Problem string
	Remedy  string
}

func (e *HostError) Error() string {
	return fmt.Sprintf("the embedded engine can't run here: %s; %s, or name another builder with --builder", e.Problem, e.Remedy)
}

// BuilderError says that a remote builder can't be used.
type BuilderError struct {
	Address string
	Err     error
}

func (e *BuilderError) Error() string {
	return fmt.Sprintf("builder %s: %v", e.Address, e.Err)
}

func (e *BuilderError) Unwrap() error { return e.Err }

// StepError says which step failed, how, and what it last printed.
type StepError struct {
	// Step is the failed step as progress knows it; Step.Name is the name that
	// the graph gives it.
	Step progress.Step
	// ExitCode is the command's exit status, or -1 if the step failed without
	// one (a missing file, a command that can't be executed).
	ExitCode int
	// Output is the end of what the command wrote, at most progress.TailLines
	// lines.
	Output []string
	// Recipe is where the step is written, nil if the graph does not say.
	Recipe *Recipe
	// Err is the whole error chain of the solver.
	Err error
}

// Recipe is the place of a step in a document.
type Recipe struct {
	File string
	// Line and Column count from one, columns in characters.
	Line, Column int
	// Text is the line.
	Text string
}

func (e *StepError) Error() string {
	var b strings.Builder

	how := fmt.Sprintf("exit code %d", e.ExitCode)
	if e.ExitCode < 0 {
		how = e.reason()
	}

	text := e.Step.Name + ": " + how

	if r := e.Recipe; r != nil {
		text = (&document.Error{File: r.File, Line: r.Line, Column: r.Column, Message: text, Text: r.Text}).Error()
	}

	b.WriteString(text)

	for _, line := range e.Output {
		b.WriteString("\n    ")
		b.WriteString(line)
	}

	return b.String()
}

// reason is the solver's message without the wrapping that repeats itself.
func (e *StepError) reason() string {
	if e.Step.Error != "" {
		return e.Step.Error
	}

	return e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }

// DiskFullError says that a file system has no room left.
type DiskFullError struct {
	// Path is the directory that the engine was writing to.
	Path string
	// Free is what is left on its file system after clean-up, in bytes.
	Free int64
	Err  error
}

func (e *DiskFullError) Error() string {
	text := fmt.Sprintf("no space left on the disk of %s (%s free now); make room, or use `akmon engine gc`", e.Path, formatBytes(e.Free))

	var step *StepError
	if errors.As(e.Err, &step) {
		text = step.Step.Name + ": " + text
	}

	return text
}

func (e *DiskFullError) Unwrap() error { return e.Err }

// formatBytes prints a size for people, in binary units.
func formatBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}

	div, exp := int64(unit), 0
	for m := n / unit; m >= unit; m /= unit {
		div *= unit
		exp++
	}

	return fmt.Sprintf("%.1f %ciB", float64(n)/float64(div), "KMGTPE"[exp])
}
