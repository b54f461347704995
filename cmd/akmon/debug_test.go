package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/console"
	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/enginetest"
)

// debugTree has a package that works, one that fails, and one that needs it.
func debugTree(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	t.Setenv("BUILDKIT_HOST", "")

	steps := `dependencies: [{stage: shell}]
steps:
  - env: {PLACE: here}
    prepare:
      - echo one >first
    build:
      - echo two >second; echo $PLACE >/etc-place
    test:
      - echo three >third
finalize:
  - from: /tmp/build
    to: /
`
	enginetest.Tree(t, dir, map[string]string{
		"pkg.yaml":      "format: v1alpha2\n",
		"good/pkg.yaml": "name: good\n" + steps,
		"good/notes":    "in the package directory\n",
		"bad/pkg.yaml":  "name: bad\n" + strings.Replace(steps, "echo two >second;", "echo two >second; exit 7;", 1),
		"top/pkg.yaml":  "name: top\ndependencies: [{stage: bad}]\nfinalize:\n  - from: /\n    to: /\n",
	})

	return dir
}

func runDebug(cmd *cobra.Command, in io.Reader, args ...string) (stdout, stderr string, err error) {
	var out, messages bytes.Buffer

	cmd.SetArgs(args)
	cmd.SetIn(in)
	cmd.SetOut(&out)
	cmd.SetErr(&messages)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true

	err = cmd.Execute()

	return out.String(), messages.String(), err
}

func TestDebug(t *testing.T) {
	dir := debugTree(t)

	for name, test := range map[string]struct {
		args []string
		in   string
		want string
		told string
		err  string
	}{
		"where it failed": {
			args: []string{"bad", "--", "/bin/bash", "-c", "cat first second; pwd; echo $PLACE $PKG_NAME; ls /pkg; ls third"},
			want: "one\ntwo\n/tmp/build\nhere bad\n", told: "In [bad] build 1/1: echo two >second; exit 7; echo $PLACE >/etc-place, as the failure left it.",
			err: "exit code 2",
		},
		"in a package that is needed": {args: []string{"top", "--", "cat", "second"}, want: "two\n", told: "In [bad] build 1/1"},
		"before the failure":          {args: []string{"bad", "--before", "--", "ls"}, want: "first\n", told: "before it runs"},
		"the last":                    {args: []string{"good", "--", "/bin/bash", "-c", "ls; cat /pkg/notes"}, want: "first\nsecond\nthird\nin the package directory\n", told: "after it ran"},
		"before a step":               {args: []string{"good", "--step", "2", "--before", "--", "ls"}, want: "first\n", told: "In [good] build 1/1"},
		"before the first":            {args: []string{"good", "--step", "1", "--before", "--", "ls"}, want: "", told: "In [good] prepare 1/1"},
		"after a step":                {args: []string{"good", "--step", "2", "--after", "--", "cat", "/etc-place"}, want: "here\n", told: "after it ran"},
		"a step that fails":           {args: []string{"bad", "--step", "2", "--", "ls"}, want: "first\nsecond\n", told: "as the failure left it"},
		"after a failure":             {args: []string{"bad", "--step", "2", "--after", "--", "ls"}, err: "bad/pkg.yaml:8:9: [bad] build 1/1"},
		"behind a failure":            {args: []string{"bad", "--step", "3", "--", "ls"}, err: "[bad] build 1/1: echo two >second; exit 7; echo $PLACE >/etc-place: exit code 7"},
		"a script":                    {args: []string{"good"}, in: "cat first\nexit 0\n", want: "one\n"},
		"the exit code":               {args: []string{"good", "--", "/bin/bash", "-c", "exit 3"}, err: "the command ended with exit code 3"},
		"nothing to run":              {args: []string{"good", "--", "/nowhere"}, told: "/nowhere", err: "exit code 1"},
		"no such step":                {args: []string{"good", "--step", "4"}, err: "good has no step 4; it has 3"},
		"no steps":                    {args: []string{"shell", "--step", "1"}, err: "shell runs no commands"},
		"no target":                   {err: "TARGET is missing"},
		"list":                        {args: []string{"good", "--list"}, want: "1  prepare 1/1: echo one >first"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := runDebug(newDebug(), strings.NewReader(test.in), append([]string{"-C", dir, "--progress", "plain"}, test.args...)...)

			switch {
			case test.err == "" && err != nil:
				t.Errorf("got %v\n%s", err, stderr)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v, want %s", err, test.err)
			}

			if !strings.HasPrefix(stdout, test.want) || (test.want == "" && stdout != "") {
				t.Errorf("printed %q, want %q", stdout, test.want)
			}

			if !strings.Contains(stderr, test.told) {
				t.Errorf("%q is not in\n%s", test.told, stderr)
			}
		})
	}

	// What was changed in a step is gone, and nothing of it is in the cache.
	if _, _, err := runDebug(newDebug(), nil, "-C", dir, "good", "--", "rm", "/tmp/build/first"); err != nil {
		t.Fatal(err)
	}

	if stdout, _, err := runDebug(newDebug(), nil, "-C", dir, "good", "--", "cat", "first"); err != nil || stdout != "one\n" {
		t.Errorf("got %q, %v", stdout, err)
	}
}

// TestDebugTerminal types into a shell at a failed step.
func TestDebugTerminal(t *testing.T) {
	enginetest.NoRace(t)

	dir := debugTree(t)

	keyboard, path, err := console.NewPty()
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer keyboard.Close()

	terminal, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()

	if err := keyboard.Resize(console.WinSize{Height: 33, Width: 99}); err != nil {
		t.Fatal(err)
	}

	screen := &screen{changed: make(chan struct{}, 1)}

	go func() { _, _ = io.Copy(screen, keyboard) }()

	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := false

	// Whatever fails, the engine is closed when the test ends.
	defer func() {
		cancel()

		if !ended {
			<-done
		}
	}()

	go func() {
		cmd := newDebug()
		cmd.SetContext(ctx)
		cmd.SetArgs([]string{"-C", dir, "--progress", "quiet", "bad"})
		cmd.SetIn(terminal)
		cmd.SetOut(terminal)
		cmd.SetErr(io.Discard)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true

		done <- cmd.Execute()
	}()

	for _, dialogue := range []struct{ typed, want string }{
		{"", "# "},
		{"echo $PLACE-$((6*7))\r", "here-42\r\n"},
		{"stty size\r", "33 99\r\n"},
		{"cat seconx\x7fd\r", "two\r\n"},
		// An interrupt is for the shell's program, not for akmon.
		{"sleep 1000\r", "sleep 1000\r\n"},
		{"\x03", "^C"},
		{"echo still-$((1+1))\r", "still-2\r\n"},
	} {
		if _, err := io.WriteString(keyboard, dialogue.typed); err != nil {
			t.Fatal(err)
		}

		if !screen.wait(dialogue.want, 5*time.Minute) {
			t.Fatalf("%q did not appear:\n%q", dialogue.want, screen)
		}
	}

	if _, err := io.WriteString(keyboard, "exit 5\r"); err != nil {
		t.Fatal(err)
	}

	err = <-done
	ended = true

	if err != nil {
		t.Errorf("got %v", err)
	}
}

// TestDebugRemote enters a step at a builder that is not in this process.
func TestDebugRemote(t *testing.T) {
	var builder *engine.BuilderError

	dir := debugTree(t)

	if _, _, err := runDebug(newDebug(), nil, "-C", dir, "--builder", "unix:///nowhere", "good"); !errors.As(err, &builder) {
		t.Errorf("got %v", err)
	}
}
