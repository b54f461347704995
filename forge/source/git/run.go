package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/akmon-os/akmon/forge/source"
)

// Error is what git said when it failed.
type Error struct {
	Command string // fetch, ls-remote, …
	Said    string // the last lines of its standard error
}

// Error is git's own message.
func (e *Error) Error() string { return "git " + e.Command + ": " + e.Said }

// refused tells whether the server does not give away a commit that no branch
// and no tag points to, or says that it has none.
func (e *Error) refused() bool {
	return e.says("unadvertised object", "not our ref", "upload-pack: not our ref", "did not send all necessary objects",
		"does not support shallow", "remote error")
}

// final tells whether the same command would fail again.
func (e *Error) final() bool {
	return e.refused() || e.says("not found", "does not exist", "does not appear to be a git repository", "could not read Username",
		"Authentication failed", "Permission denied", "error: 401", "error: 403", "error: 404", "error: 410", "not supported",
		"not allowed", "couldn't find remote ref")
}

func (e *Error) says(phrases ...string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(e.Said, p) })
}

// ErrNoGit says that the program is missing.
var ErrNoGit = errors.New("sources in Git repositories are fetched by git, which is not installed")

// local are variables that would make git work on another repository than the
// one it is told (git-rev-parse(1), --local-env-vars).
var local = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
	"GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
	"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES", "GIT_ATTR_SOURCE",
}

// command prepares git, in English and without questions. It speaks the
// protocol of place, to which submodules add the common ones: never one that
// runs a program (ext::), and that of files only where place is one.
func command(ctx context.Context, dir, place string, args ...string) (*exec.Cmd, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, ErrNoGit
	}

	if dir != "" {
		args = append([]string{"--git-dir=" + dir}, args...)
	}

	args = append([]string{
		"-c", "protocol.version=2", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.fsync=none",
		"-c", "http.lowSpeedLimit=100", "-c", "http.lowSpeedTime=60", "-c", "transfer.fsckObjects=false",
	}, args...)

	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second

	protocols := "https:http:ssh:git"
	if strings.HasPrefix(place, "file:") {
		protocols += ":file"
	}

	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains(local, name) {
			cmd.Env = append(cmd.Env, variable)
		}
	}

	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_ALLOW_PROTOCOL="+protocols)

	return cmd, nil
}

// run runs git and gives what it writes. The error is an *Error, marked as
// temporary where another attempt may help.
func run(ctx context.Context, dir, place string, args ...string) (string, error) {
	cmd, err := command(ctx, dir, place, args...)
	if err != nil {
		return "", err
	}

	var stdout, stderr bytes.Buffer

	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}

		failure := &Error{Command: args[0], Said: said(stderr.String(), err)}
		if failure.final() {
			return "", failure
		}

		return "", source.Temporary(failure)
	}

	return stdout.String(), nil
}

// said is the end of what git wrote to standard error, on one line.
func said(text string, err error) string {
	var lines []string

	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "hint:") {
			lines = append(lines, hideUser(line))
		}
	}

	if len(lines) == 0 {
		return err.Error()
	}

	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// hideUser takes passwords from the addresses that git repeats.
func hideUser(line string) string {
	words := strings.Split(line, "'")
	for i, word := range words {
		if u, err := url.Parse(word); err == nil && u.User != nil {
			words[i] = u.Redacted()
		}
	}

	return strings.Join(words, "'")
}

// git runs a command on the repository.
func (r *repository) git(ctx context.Context, args ...string) (string, error) {
	return run(ctx, r.dir, r.place, args...)
}

// errorf is a failure of a repository that is not what it should be.
func (r *repository) errorf(format string, args ...any) error {
	return fmt.Errorf("repository %s: %s", hideUser(r.place), fmt.Sprintf(format, args...))
}
