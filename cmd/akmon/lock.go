package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newLock() *cobra.Command {
	var (
		flags treeFlags
		lock  forge.LockOptions
	)

	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Pin what recipes leave open",
		Long: `Pin what the tree's recipes leave open, so that everybody builds from the same:

  *.lock.yaml      the Debian packages of a bootstrap userland (debian: FILE), with
                   all that they depend on, from the *.yaml beside the lock
  akmon.lock.yaml  the digests that the tags of base images (image: REF) mean

What is pinned stays, unless its wishes changed or --refresh asks. The names of
the files that changed are printed. Commit them; --frozen of other commands then
fails as long as a lock does not fix everything.`,
		Example: `  akmon lock
  akmon lock --refresh --platform linux/amd64,linux/arm64
  akmon validate --frozen`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options(cmd, nil)
			if err != nil {
				return err
			}

			changed, err := forge.Lock(cmd.Context(), o, lock)
			for _, file := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), file)
			}

			if err == nil && len(changed) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing to do: all locks are up to date.")
			}

			return err
		},
	}
	flags.addFetch(cmd)
	cmd.Flags().BoolVar(&lock.Refresh, "refresh", false, "choose the newest packages and images even if the wishes are unchanged")
	cmd.Flags().BoolVar(&lock.Prune, "prune", false, "drop images that no recipe names with these build arguments and platforms")

	return cmd
}
