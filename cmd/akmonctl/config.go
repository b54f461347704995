package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/runtime/ctl"
	"github.com/akmon-os/akmon/schemas/clientconfig"
)

func newConfig(conn *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Manage the client configuration"}

	cmd.AddCommand(
		&cobra.Command{
			Use: "info", Short: "Show the current context",
			Example: "  akmonctl config info",
			Args:    arguments(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return conn.edit(func(config *clientconfig.Config) (bool, error) {
					return false, ctl.ConfigInfo(cmd.OutOrStdout(), config, conn.context, time.Now())
				})
			},
		},
		&cobra.Command{
			Use: "contexts", Short: "List the contexts", Aliases: []string{"get-contexts"},
			Args: arguments(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return conn.edit(func(config *clientconfig.Config) (bool, error) {
					return false, ctl.ConfigContexts(cmd.OutOrStdout(), config)
				})
			},
		},
		&cobra.Command{
			Use: "context NAME", Short: "Choose the current context", Aliases: []string{"use-context"},
			Args: arguments(cobra.ExactArgs(1)),
			RunE: func(_ *cobra.Command, args []string) error {
				return conn.edit(func(config *clientconfig.Config) (bool, error) {
					_, _, err := config.Current(args[0])
					config.Context = args[0]

					return true, err
				})
			},
		},
		&cobra.Command{
			Use: "merge FILE", Short: "Add the contexts of another client configuration",
			Long: `Add the contexts of another client configuration, and choose its current one.

Nothing is overwritten: a context whose name is taken gets another one.`,
			Example: "  akmonctl config merge ./talosconfig",
			Args:    arguments(cobra.ExactArgs(1)),
			RunE:    func(cmd *cobra.Command, args []string) error { return mergeConfig(cmd, conn, args[0]) },
		},
		listCommand(conn, "endpoint", "Set the addresses that the client connects to", func(c *clientconfig.Context) *[]string { return &c.Endpoints }),
		listCommand(conn, "node", "Set the machines that commands are for", func(c *clientconfig.Context) *[]string { return &c.Nodes }),
		newConfigAdd(conn),
	)

	return cmd
}

// edit loads the client configuration, lets do work on it, and saves it when
// do says so.
func (c *connection) edit(do func(*clientconfig.Config) (save bool, err error)) error {
	path, err := clientconfig.Find(c.config)
	if err != nil {
		return err
	}

	config, err := clientconfig.Load(path)
	if err != nil {
		return err
	}

	save, err := do(config)
	if err != nil {
		return fmt.Errorf("%w (%s)", err, path)
	}

	if !save {
		return nil
	}

	return config.Save(path)
}

func mergeConfig(cmd *cobra.Command, conn *connection, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}

	other, err := clientconfig.Decode(from, data)
	if err != nil {
		return err
	}

	return conn.edit(func(config *clientconfig.Config) (bool, error) {
		for _, rename := range config.Merge(other) {
			fmt.Fprintf(cmd.ErrOrStderr(), "renamed context %q to %q: there is another one with that name\n", rename.From, rename.To)
		}

		return true, nil
	})
}

// listCommand sets one of the lists of a context.
func listCommand(conn *connection, name, short string, list func(*clientconfig.Context) *[]string) *cobra.Command {
	return &cobra.Command{
		Use:     name + " [ADDRESS...]",
		Aliases: []string{name + "s"},
		Short:   short + " (none: clear them)",
		Example: "  akmonctl config " + name + " 192.168.1.10 192.168.1.11",
		RunE: func(_ *cobra.Command, args []string) error {
			return conn.edit(func(config *clientconfig.Config) (bool, error) {
				_, context, err := config.Current(conn.context)
				if err != nil {
					return false, err
				}

				for _, address := range args {
					if strings.TrimSpace(address) == "" || strings.Contains(address, "://") {
						return false, fmt.Errorf("%q is neither HOST nor HOST:PORT", address)
					}
				}

				*list(context) = append([]string{}, args...)

				return true, nil
			})
		},
	}
}

func newConfigAdd(conn *connection) *cobra.Command {
	var ca, crt, key string

	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a context from PEM files, and choose it",
		Example: "  akmonctl config add demo --ca ca.crt --crt admin.crt --key admin.key",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			context := &clientconfig.Context{Endpoints: []string{}}

			for _, file := range []struct {
				flag, path string
				to         *string
			}{{"ca", ca, &context.CA}, {"crt", crt, &context.Crt}, {"key", key, &context.Key}} {
				if file.path == "" {
					return wrongUse(cmd, "name the file with --%s", file.flag)
				}

				data, err := os.ReadFile(file.path)
				if err != nil {
					return err
				}

				*file.to = base64.StdEncoding.EncodeToString(data)
			}

			return conn.edit(func(config *clientconfig.Config) (bool, error) {
				for _, rename := range config.Merge(&clientconfig.Config{
					Context: args[0], Contexts: map[string]*clientconfig.Context{args[0]: context},
				}) {
					fmt.Fprintf(cmd.ErrOrStderr(), "renamed context %q to %q: there is another one with that name\n", rename.From, rename.To)
				}

				return true, nil
			})
		},
	}

	cmd.Flags().StringVar(&ca, "ca", "", "certificate of the authority")
	cmd.Flags().StringVar(&crt, "crt", "", "certificate of the client")
	cmd.Flags().StringVar(&key, "key", "", "private key of the client")

	return cmd
}
