package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/compare"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

func newDump() *cobra.Command {
	var flags treeFlags

	cmd := &cobra.Command{
		Use:   "dump TARGET",
		Short: "Show the build of a package as BuildKit gets it",
		Long: `Write the operations that the target and all that it needs are compiled to, what
is needed before what needs it, with the lines of the recipes that they come
from. Nothing is fetched or built; a Debian userland is named by the digest of
its lock file.`,
		Example: "  akmon dump kernel --set PROFILE=vm",
		Args:    exactArgs("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args)
			if err != nil {
				return err
			}

			platform := tree.Host()
			if len(o.Platforms) > 0 {
				platform = o.Platforms[0]
			}

			g, err := o.Graph(platform)
			if err != nil {
				return err
			}

			result, err := lower.Lower(cmd.Context(), g, args[0], lower.Options{Debian: compare.ByLock(g.Tree)})
			if err != nil {
				return err
			}

			text, err := lower.Transcript(result.Definition)
			if err != nil {
				return err
			}

			_, err = io.WriteString(cmd.OutOrStdout(), text)

			return err
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.add(cmd)

	return cmd
}
