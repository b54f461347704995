package main

import (
	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newFetch() *cobra.Command {
	var flags treeFlags

	cmd := &cobra.Command{
		Use:   "fetch [TARGET...]",
		Short: "Fetch all that targets are built from into the store",
		Long: `Fetch the sources, Go modules, bootstrap packages and base images of the targets
and of all that they need; without a name, of the whole tree. A build with
--offline then needs no network. What is in the store is not fetched again, what
broke off goes on where it ended. Nothing is built.

What is needed may depend on build arguments and platforms: give the same ones
as for the build.`,
		Example: `  akmon fetch installer && akmon build installer --offline
  akmon fetch --store /srv/sources --platform linux/amd64,linux/arm64
  akmon fetch installer --set PROFILE=vm --frozen`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args)
			if err != nil {
				return err
			}

			return forge.Fetch(cmd.Context(), o)
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.addFetch(cmd)
	flags.addFrozen(cmd)

	return cmd
}
