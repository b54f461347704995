package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newStoreGC(dir *string) *cobra.Command {
	var (
		flags  treeFlags
		trees  []string
		format string
		keep   int64
		all    bool
	)

	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete what no tree needs",
		Long: `Delete from the store what none of the trees needs, and with it the bootstrap
userlands that were assembled for none of them. A tree may need other things with
other build arguments and platforms: give all platforms, and a limit with
--keep-mb rather than nothing if arguments vary.

Builds that use the store are waited for.`,
		Example: `  akmon store gc
  akmon store gc -C ~/os -C ~/other --platform linux/amd64,linux/arm64
  akmon store gc --keep-mb 20000
  akmon store gc --all`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			store, err := openStore(cmd, *dir)
			if err != nil {
				return err
			}

			needs := &forge.Needs{}

			for _, tree := range trees {
				if all {
					break
				}

				flags.dir = tree

				o, err := flags.options(cmd, nil)
				if err != nil {
					return err
				}

				if err := o.Needs(cmd.Context(), store, needs); err != nil {
					return err
				}
			}

			cleaned, err := forge.CleanStore(cmd.Context(), store, needs, forge.CleanOptions{
				KeepBytes: keep << 20,
				Waiting:   func() { fmt.Fprintln(cmd.ErrOrStderr(), "waiting for a build that uses the store") },
			})
			if err != nil {
				return err
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), cleaned)
			}

			fmt.Fprintf(cmd.OutOrStdout(), "deleted %d files, %d MiB, and %d MiB of assembled userlands\n",
				cleaned.Files, cleaned.Bytes>>20, cleaned.UserlandBytes>>20)

			return nil
		},
	}
	outputFormat(cmd, &format, "text", "json")

	f := cmd.Flags()
	f.StringArrayVarP(&trees, "directory", "C", []string{"."}, "root directory of a tree whose needs are kept; may be repeated")
	f.StringArrayVar(&flags.set, "set", nil, "build argument NAME=VALUE")
	f.StringSliceVar(&flags.platforms, "platform", nil, "platforms whose needs are kept (default this machine's)")
	f.Int64Var(&keep, "keep-mb", 0, "how many megabytes may stay of the store, beside what is needed the smallest files first")
	f.BoolVar(&all, "all", false, "keep nothing")
	_ = cmd.MarkFlagDirname("directory")

	return cmd
}
