package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/runtime/ctl"
)

// usageError is a command that was used wrongly.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func wrongUse(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{command: cmd.CommandPath(), err: fmt.Errorf(format, args...)}
}

// arguments makes a wrong number of arguments a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return wrongUse(cmd, "%w", err)
		}

		return nil
	}
}

// connection is the flags that say which machines a command is for.
type connection struct {
	config    string
	context   string
	endpoints []string
	nodes     []string
}

func newRoot() *cobra.Command {
	var conn connection

	root := &cobra.Command{
		Use:           "akmonctl",
		Short:         "Configure, inspect and control machines by their API",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}

	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongUse(cmd, "%w", err) })

	flags := root.PersistentFlags()
	flags.StringVar(&conn.config, "talosconfig", "",
		"path of the client configuration (default: $TALOSCONFIG, else the first of $XDG_CONFIG_HOME/talos/config.yaml, $HOME/.talos/config and /var/run/secrets/talos.dev/config)")
	flags.StringVar(&conn.context, "context", "", "context of the client configuration to use")
	flags.StringSliceVarP(&conn.endpoints, "endpoints", "e", nil, "connect to these addresses (HOST or HOST:PORT), not those of the context")
	flags.StringSliceVarP(&conn.nodes, "nodes", "n", nil, "the machines that the command is for")

	root.AddCommand(
		newApplyConfig(&conn), newVersion(&conn), newDmesg(&conn), newLogs(&conn), newGet(&conn), newEvents(&conn),
		newServices(&conn), newReboot(&conn), newShutdown(&conn), newConfig(&conn), newGen(), newValidate(),
	)
	unknownCommands(root)

	return root
}

// unknownCommands makes a command that is not there a usage error.
func unknownCommands(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		unknownCommands(child)
	}

	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = arguments(cobra.NoArgs)
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// with opens a session for the machines, and closes it after the work.
func (c *connection) with(cmd *cobra.Command, insecure bool, fingerprints []string, work func(*ctl.Session) error) error {
	session, err := ctl.Open(ctl.Options{
		Config: c.config, Context: c.context, Endpoints: c.endpoints, Nodes: c.nodes,
		Insecure: insecure, Fingerprints: fingerprints,
		Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(),
	})
	if err != nil {
		return err
	}

	err = work(session)
	if closeErr := session.Close(); err == nil {
		err = closeErr
	}

	return err
}
