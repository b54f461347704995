package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/engine"
)

func newEngine() *cobra.Command {
	var options engine.Options

	options.Log = func(message string) { fmt.Fprintln(os.Stderr, message) }

	cmd := &cobra.Command{Use: "engine", Short: "Look after the embedded BuildKit's cache"}
	cmd.PersistentFlags().StringVar(&options.StateDir, "engine-dir", "", "state directory (default $XDG_CACHE_HOME/akmon/engine)")

	status := &cobra.Command{
		Use:   "status",
		Short: "Show what the cache holds",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withEngine(cmd, options, func(e *engine.Engine) error {
				usage, err := e.Status(cmd.Context())
				if err != nil {
					return err
				}

				out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintf(out, "directory\t%s\ncache\t%d MB in %d records\nreclaimable\t%d MB\nfree on disk\t%d MB\n",
					usage.StateDir, usage.Bytes>>20, len(usage.Records), usage.Reclaimable>>20, usage.Free>>20)

				return out.Flush()
			})
		},
	}

	var (
		keep int64
		age  time.Duration
	)

	gc := &cobra.Command{
		Use:     "gc",
		Short:   "Delete what is not in use",
		Example: "  akmon engine gc --keep-mb 10000",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withEngine(cmd, options, func(e *engine.Engine) error {
				result, err := e.GC(cmd.Context(), engine.GCOptions{KeepBytes: keep << 20, KeepFor: age})
				if err != nil {
					return err
				}

				fmt.Fprintf(cmd.OutOrStdout(), "deleted %d records, %d MB\n", result.Records, result.Bytes>>20)

				return nil
			})
		},
	}
	gc.Flags().Int64Var(&keep, "keep-mb", 0, "how many megabytes to keep, the most recently used first")
	gc.Flags().DurationVar(&age, "keep-for", 0, "keep what was used within this time, such as 48h")

	reset := &cobra.Command{
		Use:   "reset",
		Short: "Delete the whole cache",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return engine.Reset(cmd.Context(), options)
		},
	}

	cmd.AddCommand(status, gc, reset)

	return cmd
}

func withEngine(cmd *cobra.Command, options engine.Options, do func(*engine.Engine) error) error {
	e, err := engine.Open(cmd.Context(), options)
	if err != nil {
		return err
	}

	if err := do(e); err != nil {
		_ = e.Close()

		return err
	}

	return e.Close()
}
