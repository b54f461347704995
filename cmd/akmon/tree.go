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
together, with its place, and what to do about it. With --frozen, what the tree's
locks do not fix is wrong, too.`,
		Example: `  akmon validate
  akmon validate --frozen --platform linux/amd64,linux/arm64`,
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
	flags.addFrozen(cmd)

	return cmd
}
