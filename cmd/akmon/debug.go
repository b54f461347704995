package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
)

func newDebug() *cobra.Command {
	var (
		flags                       treeFlags
		secrets, agents             []string
		engines                     engine.Options
		step                        int
		before, after, list, asJSON bool
	)

	cmd := &cobra.Command{
		Use:   "debug TARGET [-- COMMAND [ARG...]]",
		Short: "Open a shell where a step failed, or in any step",
		Long: `Build the target, and open a shell in the file system of the step that fails, as
the failure left it: with the step's environment, directory, mounts and network
(or lack of it). If nothing fails, the shell is in the last step, after it ran.
With --step, it is in that step of the target. What is changed there is gone
when the shell ends; the build's cache is left as it is.

With a command after --, that runs instead of the shell, without a terminal
unless there is one; akmon's exit code is then 1 if the command's is not 0.`,
		Example: `  akmon debug kernel
  akmon debug musl --list
  akmon debug musl --step 2 --before
  akmon debug musl --step 2 -- make V=1
  akmon debug --builder tcp://buildkit.example.com:1234 musl`,
		Args: func(cmd *cobra.Command, args []string) error {
			named := len(args)
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				named = at
			}

			return exactArgs("TARGET")(cmd, args[:named])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args[:1])
			if err != nil {
				return err
			}

			if err := askable(&o, secrets, agents); err != nil {
				return usageError{err}
			}

			o.Engine = engines

			if list {
				return listSteps(cmd, o, asJSON)
			}

			entered := engine.EnterNamespace(o.Engine)
			shell := engine.Shell{Args: args[1:], Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()}

			switch {
			case before:
				shell.Moment = engine.Before
			case after:
				shell.Moment = engine.After
			}

			return rather(entered, debug(cmd, o, step, shell))
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.addFetch(cmd)

	f := cmd.Flags()
	f.IntVar(&step, "step", 0, "number of the target's step to enter, as --list gives it (default the one that fails, or the last)")
	f.BoolVar(&before, "before", false, "enter the step as it begins")
	f.BoolVar(&after, "after", false, "enter the step as it ends, when it does not fail")
	f.BoolVar(&list, "list", false, "list the target's steps")
	f.BoolVar(&asJSON, "json", false, "with --list, print JSON")
	f.StringArrayVar(&secrets, "secret", nil, "what steps may ask for, as in akmon build: id=ID,src=FILE or id=ID,env=VARIABLE")
	f.StringArrayVar(&agents, "ssh", nil, "SSH agent that steps may ask: ID or ID=PATH")
	f.StringVar(&engines.Builder, "builder", os.Getenv("BUILDKIT_HOST"), "BuildKit to use instead of the embedded one: unix://, tcp://, docker-container://, kube-pod:// (BUILDKIT_HOST)")
	f.StringVar(&engines.TLS.CA, "builder-ca", "", "CA certificate of a tcp:// builder")
	f.StringVar(&engines.TLS.Cert, "builder-cert", "", "client certificate for a tcp:// builder")
	f.StringVar(&engines.TLS.Key, "builder-key", "", "key of the client certificate")
	f.StringVar(&engines.StateDir, "engine-dir", "", "state directory of the embedded engine (default $XDG_CACHE_HOME/akmon/engine)")
	cmd.MarkFlagsMutuallyExclusive("before", "after", "list")

	return cmd
}

func listSteps(cmd *cobra.Command, o forge.Options, asJSON bool) error {
	steps, err := forge.Instructions(cmd.Context(), o)
	if err != nil {
		return err
	}

	if asJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")

		return encoder.Encode(steps)
	}

	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(table, "%d\t%s\t%s:%d\n", s.Number, s.Name, s.File, s.Line)
	}

	return table.Flush()
}

// debug enters a step. If both ends are a terminal, the process gets one.
func debug(cmd *cobra.Command, o forge.Options, step int, shell engine.Shell) error {
	terminal, restore := openTerminal(shell.Stdin, shell.Stdout)
	shell.TTY = terminal != nil

	if terminal != nil {
		sizes, stop := terminalSizes(terminal)
		defer stop()

		shell.Resize = sizes
	}

	shell.Ready = func(name string, moment engine.Moment, failure error) {
		where := map[engine.Moment]string{
			engine.AtFailure: "as the failure left it", engine.Before: "before it runs", engine.After: "after it ran",
		}[moment]

		fmt.Fprintf(cmd.ErrOrStderr(), "In %s, %s.\n", name, where)

		if terminal != nil {
			if err := terminal.raw(); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err)
			}
		}
	}

	err := forge.Debug(cmd.Context(), o, step, shell)

	restore()

	// How a shell ended that somebody typed into says nothing.
	var exit *engine.ExitError
	if len(shell.Args) == 0 && shell.TTY && errors.As(err, &exit) {
		return nil
	}

	return err
}

// terminal is the terminal that akmon runs in.
type terminal struct {
	fd    int
	state *term.State
}

// openTerminal gives the terminal that both files are, nil if they are not.
// restore puts it back as it was.
func openTerminal(in io.Reader, out io.Writer) (t *terminal, restore func()) {
	files := [2]*os.File{}

	var ok [2]bool

	files[0], ok[0] = in.(*os.File)
	files[1], ok[1] = out.(*os.File)

	for i, file := range files {
		if !ok[i] || !term.IsTerminal(int(file.Fd())) {
			return nil, func() {}
		}
	}

	t = &terminal{fd: int(files[0].Fd())}

	return t, func() {
		if t.state != nil {
			_ = term.Restore(t.fd, t.state) // the terminal may be gone
		}
	}
}

// raw hands every key to the process.
func (t *terminal) raw() error {
	state, err := term.MakeRaw(t.fd)
	if err != nil {
		return fmt.Errorf("setting the terminal up: %w", err)
	}

	t.state = state

	return nil
}

// terminalSizes gives the size now, and whenever it changes.
func terminalSizes(t *terminal) (sizes <-chan gateway.WinSize, stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)

	changed <- unix.SIGWINCH

	list, done := make(chan gateway.WinSize), make(chan struct{})

	go func() {
		for {
			select {
			case <-done:
				return
			case <-changed:
			}

			width, height, err := term.GetSize(t.fd)
			if err != nil || width <= 0 || height <= 0 {
				continue
			}

			select {
			case <-done:
				return
			case list <- gateway.WinSize{Rows: uint32(height), Cols: uint32(width)}: //nolint:gosec // both are positive and small
			}
		}
	}()

	return list, func() {
		signal.Stop(changed)
		close(done)
	}
}
