package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/tree"
)

func newGraph() *cobra.Command {
	var (
		flags   treeFlags
		format  string
		reverse bool
	)

	cmd := &cobra.Command{
		Use:   "graph [TARGET...]",
		Short: "Show which package needs which",
		Example: `  akmon graph installer
  akmon graph -o svg >graph.svg
  akmon graph musl --reverse`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args)
			if err != nil {
				return err
			}

			platform := tree.Host()
			if len(o.Platforms) > 0 {
				platform = o.Platforms[0]
			}

			if reverse {
				o.Targets = nil
			}

			g, err := o.Graph(platform)
			if err != nil {
				return err
			}

			if reverse {
				if g, err = g.Dependents(args...); err != nil {
					return err
				}
			}

			switch format {
			case "text":
				return g.WriteText(cmd.OutOrStdout())
			case "dot":
				return g.WriteDOT(cmd.OutOrStdout())
			case "svg":
				return g.WriteSVG(cmd.OutOrStdout())
			case "json":
				return g.WriteJSON(cmd.OutOrStdout())
			default:
				return usageError{fmt.Errorf("--output %q is not text, dot, svg or json", format)}
			}
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.add(cmd)
	outputFormat(cmd, &format, "text", "dot", "svg", "json")
	cmd.Flags().BoolVar(&reverse, "reverse", false, "show what needs the targets instead of what they need")

	return cmd
}

func newValidate() *cobra.Command {
	var flags treeFlags

	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check every document of the tree",
		Long: `Load the tree and resolve every package, for each platform; check the lock files of
bootstrap userlands and what they are made from. All that is wrong is reported
together, with its place, and what to do about it.`,
		Example: `  akmon validate
  akmon validate --platform linux/amd64,linux/arm64`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options(cmd, nil)
			if err != nil {
				return err
			}

			valid, err := forge.Validate(o)
			if err != nil {
				return err
			}

			for _, v := range valid {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d packages are valid\n", tree.FormatPlatform(v.Platform), v.Packages)
			}

			return nil
		},
	}
	flags.add(cmd)

	return cmd
}

func newFetch() *cobra.Command {
	var flags treeFlags

	cmd := &cobra.Command{
		Use:   "fetch [TARGET...]",
		Short: "Fetch all sources that targets need into the store",
		Long: `Fetch the sources, Go modules and bootstrap packages of the targets and all that
they need: files, archives of Git commits, Debian source packages. Each is looked
for in the store, then at the mirrors, then at its address; a download that broke
off goes on where it stopped. A build with --offline then needs no network.`,
		Example: "  akmon fetch installer && akmon build installer --offline",
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

	return cmd
}

func newLock() *cobra.Command {
	var (
		flags   treeFlags
		refresh bool
	)

	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Pin the packages that the bootstrap userland is made of",
		Long: `Write the *.lock.yaml files that recipes depend on (debian: FILE) from the *.yaml
beside them. What is pinned stays unless the wishes changed or --refresh asks.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options(cmd, nil)
			if err != nil {
				return err
			}

			changed, err := forge.Lock(cmd.Context(), o, refresh)
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
	cmd.Flags().BoolVar(&refresh, "refresh", false, "choose the newest packages even if the wishes are unchanged")

	return cmd
}
