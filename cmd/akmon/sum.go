package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newSum() *cobra.Command {
	var (
		o          forge.Options
		submodules bool
	)

	cmd := &cobra.Command{
		Use:   "sum URL [COMMIT|TAG|BRANCH]",
		Short: "Print a source with its checksums, as a recipe has it",
		Long: `Fetch what is at an address and print it as an entry of a recipe's sources, with
its SHA-256 and SHA-512: a file, a Debian source package (an address that ends
in .dsc), or with a second argument a commit of a Git repository, whose sums are
those of the archive that Akmon makes of it. Of a tag or a branch the commit is
printed. What was fetched stays in the store.

Nothing vouches for what is fetched this way but the address: compare the sums
with those that its makers publish, where they do.`,
		Example: `  akmon sum https://example.org/zlib-1.3.1.tar.gz
  akmon sum https://example.org/zlib.git v1.3.1
  akmon sum https://snapshot.debian.org/archive/debian/20260913T075541Z/pool/main/m/musl/musl_1.2.5-3.dsc`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError{fmt.Errorf("sum takes a URL, and of a Git repository what of it is meant")}
			}

			if submodules && len(args) < 2 {
				return usageError{fmt.Errorf("--submodules is about a Git repository: say which commit, tag or branch is meant")}
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Log = cmd.ErrOrStderr()

			text, err := forge.Sum(cmd.Context(), o, args[0], append(args, "")[1], submodules)
			if err != nil {
				return err
			}

			_, err = fmt.Fprint(cmd.OutOrStdout(), text)

			return err
		},
	}

	cmd.Flags().BoolVar(&submodules, "submodules", false, "with the files of the repository's submodules")
	cmd.Flags().StringVar(&o.Store, "store", "", "source store (default $XDG_CACHE_HOME/akmon/store)")

	return cmd
}
