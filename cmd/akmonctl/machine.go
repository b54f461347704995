package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/runtime/ctl"
)

func newApplyConfig(conn *connection) *cobra.Command {
	var (
		apply        ctl.Apply
		file         string
		insecure     bool
		fingerprints []string
	)

	cmd := &cobra.Command{
		Use:     "apply-config",
		Aliases: []string{"apply"},
		Short:   "Give a machine its configuration",
		Example: `  # A new machine, in maintenance mode:
  akmonctl apply-config --insecure -n 192.168.1.10 -f controlplane.yaml

  # A change, without a reboot, for ten minutes only:
  akmonctl apply-config -n 192.168.1.10 -f controlplane.yaml --mode try --timeout 10m`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return wrongUse(cmd, "name the configuration with --file")
			}

			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}

			apply.Data = data

			return conn.with(cmd, insecure, fingerprints, func(s *ctl.Session) error {
				return s.ApplyConfiguration(cmd.Context(), apply)
			})
		},
	}

	flags := cmd.Flags()
	flags.StringVarP(&file, "file", "f", "", "the configuration")
	flags.BoolVarP(&insecure, "insecure", "i", false, "talk to a machine in maintenance mode: encrypted, without certificates")
	flags.StringSliceVar(&fingerprints, "cert-fingerprint", nil, "SHA-256 of the certificates that a machine in maintenance mode may show")
	flags.StringVarP(&apply.Mode, "mode", "m", "auto", "how to apply it: "+strings.Join(ctl.ApplyModes(), ", "))
	flags.BoolVar(&apply.DryRun, "dry-run", false, "only tell what would happen")
	flags.DurationVar(&apply.TryTimeout, "timeout", time.Minute, "when mode try goes back")

	return cmd
}

func newVersion(conn *connection) *cobra.Command {
	var clientOnly, insecure, short bool

	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of this program and of the machines",
		Example: `  akmonctl version --client
  akmonctl -n 192.168.1.10 version
  akmonctl -n 192.168.1.10 version --insecure`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ctl.PrintClientVersion(cmd.OutOrStdout(), short); err != nil || clientOnly {
				return err
			}

			return conn.with(cmd, insecure, nil, func(s *ctl.Session) error { return s.Version(cmd.Context(), short) })
		},
	}

	cmd.Flags().BoolVar(&clientOnly, "client", false, "show the version of this program only")
	cmd.Flags().BoolVarP(&insecure, "insecure", "i", false, "talk to a machine in maintenance mode")
	cmd.Flags().BoolVar(&short, "short", false, "show the tags only")

	return cmd
}

func newDmesg(conn *connection) *cobra.Command {
	var follow, tail bool

	cmd := &cobra.Command{
		Use:     "dmesg",
		Short:   "Show the kernel's log",
		Example: "  akmonctl -n 192.168.1.10 dmesg -f --tail",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return conn.with(cmd, false, nil, func(s *ctl.Session) error { return s.Dmesg(cmd.Context(), follow, tail) })
		},
	}

	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new messages")
	cmd.Flags().BoolVar(&tail, "tail", false, "leave out the messages that are there already (with --follow)")

	return cmd
}

func newLogs(conn *connection) *cobra.Command {
	var (
		follow bool
		tail   int32
	)

	cmd := &cobra.Command{
		Use:     "logs SERVICE",
		Short:   "Show the log of a service",
		Example: "  akmonctl -n 192.168.1.10 logs apid -f --tail 20",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return conn.with(cmd, false, nil, func(s *ctl.Session) error { return s.Logs(cmd.Context(), args[0], follow, tail) })
		},
	}

	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines")
	cmd.Flags().Int32Var(&tail, "tail", -1, "how many lines to begin with (-1: all)")

	return cmd
}

func newGet(conn *connection) *cobra.Command {
	var (
		opts     ctl.GetOptions
		insecure bool
	)

	cmd := &cobra.Command{
		Use:     "get TYPE [ID]",
		Aliases: []string{"g"},
		Short:   "Show resources",
		Long: `Show resources: what a machine is, knows and does.

TYPE is the name of a resource type or an alias of it; "get rd" lists them all.`,
		Example: `  akmonctl -n 192.168.1.10 get addresses
  akmonctl -n 192.168.1.10 get hostname -o yaml
  akmonctl -n 192.168.1.10 get services --watch
  akmonctl -n 192.168.1.10 get links --insecure`,
		Args: arguments(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Type = args[0]
			if len(args) > 1 {
				opts.ID = args[1]
			}

			return conn.with(cmd, insecure, nil, func(s *ctl.Session) error { return s.Get(cmd.Context(), opts) })
		},
	}

	flags := cmd.Flags()
	flags.StringVarP(&opts.Output, "output", "o", "table", "table, yaml, json or jsonpath=TEMPLATE")
	flags.BoolVarP(&opts.Watch, "watch", "w", false, "go on with every change")
	flags.StringVar(&opts.Namespace, "namespace", "", "where to look (default: the type's own)")
	flags.BoolVarP(&insecure, "insecure", "i", false, "talk to a machine in maintenance mode")

	return cmd
}

func newEvents(conn *connection) *cobra.Command {
	var (
		opts     ctl.EventOptions
		duration time.Duration
	)

	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Show what happens, as it happens",
		Example: "  akmonctl -n 192.168.1.10 events --tail -1",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Seconds = int32(duration.Seconds())

			return conn.with(cmd, false, nil, func(s *ctl.Session) error { return s.Events(cmd.Context(), opts) })
		},
	}

	flags := cmd.Flags()
	flags.Int32Var(&opts.Tail, "tail", 0, "how many past events to begin with (-1: all)")
	flags.DurationVar(&duration, "duration", 0, "begin with the past events that are not older")
	flags.StringVar(&opts.Since, "since", "", "begin after the event with this ID")
	flags.StringVar(&opts.Actor, "actor-id", "", "only the events of this actor")

	return cmd
}

func newServices(conn *connection) *cobra.Command {
	return &cobra.Command{
		Use:     "services [SERVICE]",
		Aliases: []string{"service"},
		Short:   "Show the services and how they are",
		Example: "  akmonctl -n 192.168.1.10 services\n  akmonctl -n 192.168.1.10 service apid",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return conn.with(cmd, false, nil, func(s *ctl.Session) error {
				if len(args) == 1 {
					return s.Service(cmd.Context(), args[0])
				}

				return s.Services(cmd.Context())
			})
		},
	}
}

func newReboot(conn *connection) *cobra.Command {
	var mode string

	cmd := &cobra.Command{
		Use:     "reboot",
		Short:   "Restart machines",
		Example: "  akmonctl -n 192.168.1.10 reboot",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return conn.with(cmd, false, nil, func(s *ctl.Session) error { return s.Reboot(cmd.Context(), mode) })
		},
	}

	cmd.Flags().StringVarP(&mode, "mode", "m", "default", "how: "+strings.Join(ctl.RebootModes(), ", "))

	return cmd
}

func newShutdown(conn *connection) *cobra.Command {
	var force bool

	cmd := &cobra.Command{
		Use:     "shutdown",
		Short:   "Turn machines off",
		Example: "  akmonctl -n 192.168.1.10 shutdown",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return conn.with(cmd, false, nil, func(s *ctl.Session) error { return s.Shutdown(cmd.Context(), force) })
		},
	}

	cmd.Flags().BoolVar(&force, "force", false, "do not move pods elsewhere before")

	return cmd
}
