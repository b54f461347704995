//go:build boot

package boot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// akmonctl runs the client as a person does.
type akmonctl struct {
	program string
	dir     string // where it runs
	config  string // client configuration
}

func newAkmonctl(t *testing.T) *akmonctl {
	t.Helper()

	c := &akmonctl{program: os.Getenv("AKMONCTL"), dir: t.TempDir()}
	c.config = filepath.Join(c.dir, "talosconfig")

	if c.program == "" {
		c.program = filepath.Join(t.TempDir(), "akmonctl")

		build := exec.Command("go", "build", "-o", c.program, "github.com/akmon-os/akmon/cmd/akmonctl")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build akmonctl: %v\n%s", err, out)
		}
	}

	return c
}

// command prepares a call with the client configuration.
func (c *akmonctl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, append([]string{"--talosconfig", c.config}, args...)...)
	cmd.Dir = c.dir

	return cmd
}

// try runs a command; the error has what the program wrote to standard error.
func (c *akmonctl) try(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer

	cmd := c.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("akmonctl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}

	return stdout.String(), nil
}

// must runs a command that has to succeed, with output that holds every want.
func (c *akmonctl) must(ctx context.Context, t *testing.T, args []string, want ...string) string {
	t.Helper()

	out, err := c.try(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}

	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("akmonctl %s: %q is missing in:\n%s", strings.Join(args, " "), text, out)
		}
	}

	return out
}

// refused runs a command that has to fail with exit code 1 and the message.
func (c *akmonctl) refused(ctx context.Context, t *testing.T, args []string, want ...string) {
	t.Helper()

	_, err := c.try(ctx, args...)

	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("akmonctl %s: it was not refused: %v", strings.Join(args, " "), err)

		return
	}

	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("akmonctl %s: %q is missing in:\n%v", strings.Join(args, " "), text, err)
		}
	}
}

// follow runs a command that goes on, and sends every line that it writes; the
// channel is closed at its end. Cancelling ctx ends it.
func (c *akmonctl) follow(ctx context.Context, t *testing.T, args ...string) <-chan string {
	t.Helper()

	cmd := c.command(ctx, args...)

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	cmd.Stderr = cmd.Stdout

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	lines := make(chan string)

	go func() {
		defer close(lines)

		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
			}
		}

		cmd.Wait() //nolint:errcheck // it is killed when the test has seen enough
	}()

	return lines
}

// line waits for a line that holds every want.
func line(ctx context.Context, t *testing.T, lines <-chan string, want ...string) {
	t.Helper()

	var seen []string

	for {
		select {
		case text, open := <-lines:
			if !open {
				t.Fatalf("the output ended before a line with %q:\n%s", want, strings.Join(seen, "\n"))
			}

			seen = append(seen, text)
			all := true

			for _, part := range want {
				all = all && strings.Contains(text, part)
			}

			if all {
				return
			}
		case <-ctx.Done():
			t.Fatalf("no line with %q came:\n%s", want, strings.Join(seen, "\n"))
		}
	}
}
