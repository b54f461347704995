package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newLog() *cobra.Command {
	var dir, format string

	cmd := &cobra.Command{
		Use:   "log TARGET",
		Short: "Show what the last build of a target printed",
		Long: `Show what the steps printed that ran in the last build of a target. A build that
had nothing to do keeps the log of the one before. For a package that was built
only because others need it, its part of the last such build is shown.

Logs are kept below $XDG_CACHE_HOME/akmon/logs: of each step the first megabyte
and the last 256 kB, 64 MB of a build, 256 MB in all.`,
		Example: `  akmon log kernel
  akmon log installer | less
  akmon log installer -o json`,
		Args: exactArgs("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := forge.Log(dir, args[0])
			if err != nil {
				return err
			}

			switch format {
			case "text":
				return log.WriteText(cmd.OutOrStdout())
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")

				return encoder.Encode(log)
			default:
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			flags := treeFlags{dir: dir}

			return flags.completeTargets(cmd, args, word)
		},
	}
	cmd.Flags().StringVarP(&dir, "directory", "C", ".", "the tree's root directory")
	_ = cmd.MarkFlagDirname("directory")
	outputFormat(cmd, &format, "text", "json")

	return cmd
}
