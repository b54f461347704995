package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/compare"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// treeOptions are the flags as the loader of trees takes them.
func (f *treeFlags) treeOptions(cmd *cobra.Command, targets []string) (tree.Options, error) {
	o, err := f.options(cmd, targets)

	platform := tree.Host()
	if len(o.Platforms) > 0 {
		platform = o.Platforms[0]
	}

	return tree.Options{Dir: o.Dir, Args: o.Args, Platform: platform}, err
}

func newExplain() *cobra.Command {
	var (
		flags  treeFlags
		format string
	)

	cmd := &cobra.Command{
		Use:   "explain TARGET",
		Short: "Show what the result of a package depends on",
		Long: `Show the parts of the package's cache key: its operations, with a digest of what
each does and of the files of the tree that it takes, and the packages that it
needs with their keys. The package is built again when one of them changes, and
for no other reason.`,
		Args: exactArgs("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := flags.treeOptions(cmd, args)
			if err != nil {
				return err
			}

			all, err := compare.Explain(cmd.Context(), opts, args)
			if err != nil {
				return err
			}

			keys := map[string]string{}
			for _, e := range all {
				keys[e.Node.String()] = e.Key
			}

			return writeExplanation(cmd, format, all[len(all)-1], keys)
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.add(cmd)
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

// explanation is how -o json shows one.
type explanation struct {
	Name  string            `json:"name"`
	Key   string            `json:"key"`
	Parts []lower.Part      `json:"parts"`
	Needs map[string]string `json:"needs"`
}

func writeExplanation(cmd *cobra.Command, format string, e lower.Explanation, keys map[string]string) error {
	switch format {
	case "json":
		view := explanation{e.Node.String(), e.Key, e.Parts, map[string]string{}}
		for _, n := range e.Needs {
			view.Needs[n.String()] = keys[n.String()]
		}

		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")

		return encoder.Encode(view)
	case "text":
		out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintf(out, "%s\t%.16s\n", e.Node, e.Key)

		for _, n := range e.Needs {
			fmt.Fprintf(out, "  needs %s\t%.16s\n", n, keys[n.String()])
		}

		for _, p := range e.Parts {
			fmt.Fprintf(out, "  %s\t%.16s\n", p.Name, p.Digest)
		}

		return out.Flush()
	default:
		return usageError{fmt.Errorf("--output %q is not text or json", format)}
	}
}

func newDiff() *cobra.Command {
	var (
		flags  treeFlags
		format string
	)

	cmd := &cobra.Command{
		Use:   "diff REV [TARGET...]",
		Short: "Show which packages build again since a Git revision, and why",
		Long: `Compare the tree with what it was at a revision of its Git repository. For each
package whose result may differ the parts of it that changed are shown, and the
packages that it needs through which it changed.`,
		Example: `  akmon diff HEAD
  akmon diff v1.0 installer --set PROFILE=vm`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("REV is missing; see %s --help", cmd.CommandPath())}
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := flags.treeOptions(cmd, args[1:])
			if err != nil {
				return err
			}

			after, err := compare.Explain(cmd.Context(), opts, args[1:])
			if err != nil {
				return err
			}

			before, err := explainRevision(cmd, opts, args[0], args[1:])
			if err != nil {
				return err
			}

			changes := compare.Changes(before, after)

			switch format {
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")

				return encoder.Encode(changes)
			case "text":
				for _, c := range changes {
					writeChange(cmd, c)
				}

				return nil
			default:
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}
		},
	}
	flags.add(cmd)
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

func explainRevision(cmd *cobra.Command, opts tree.Options, revision string, targets []string) ([]lower.Explanation, error) {
	dir, err := os.MkdirTemp("", "akmon-diff-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for revision %s: %w", revision, err)
	}

	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory

	if err := compare.Checkout(cmd.Context(), opts.Dir, revision, dir); err != nil {
		return nil, err
	}

	opts.Dir = dir

	before, err := compare.Explain(cmd.Context(), opts, targets)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}

	return before, nil
}

func writeChange(cmd *cobra.Command, c compare.Change) {
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", c.Kind, c.Name)

	for _, part := range c.Parts {
		fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", part)
	}

	if len(c.Through) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "  through %s\n", strings.Join(c.Through, ", "))
	}
}
