package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/update"
)

func newUpdate() *cobra.Command {
	var (
		flags  treeFlags
		format string
		write  bool
	)

	cmd := &cobra.Command{
		Use:   "update [TARGET...]",
		Short: "Find newer upstream versions of what the tree builds",
		Long: `Ask upstream for newer versions of the packages that say where these appear
(upstream: in the recipe), and of the variables that have a comment like

  # renovate: datasource=github-tags depName=OWNER/REPO

above them. With --write the newer versions are downloaded into the store, and
version, URL and both sums are changed where they are written; comments and
everything else stay.

The exit code is 1 when an upstream can't be asked or a version can't be written;
the others are shown, and written, all the same.`,
		Example: `  akmon update
  akmon update musl --write
  akmon update -o json | jq '.[] | select(.state == "newer")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args)
			if err != nil {
				return err
			}

			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}

			results, err := forge.Update(cmd.Context(), o, write)
			if err != nil {
				return err
			}

			if len(results) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing in the tree says where newer versions appear (upstream: in a recipe).")
			}

			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(append([]update.Result{}, results...))
			} else {
				err = printUpdates(cmd.OutOrStdout(), results)
			}

			if err != nil {
				return err
			}

			return updateFailures(results)
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.addFetch(cmd)
	outputFormat(cmd, &format, "text", "json")
	cmd.Flags().BoolVar(&write, "write", false, "change versions, URLs and sums in the documents")

	return cmd
}

// printUpdates writes a table.
func printUpdates(w io.Writer, results []update.Result) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)

	fmt.Fprintln(out, "NAME\tCURRENT\tNEWEST\tSTATE\tPLACE")

	for _, r := range results {
		newest := r.Newest
		if newest == "" {
			newest = "?"
		}

		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s:%d\n", r.Name, r.Current, newest, r.State, r.File, r.Line)
	}

	return out.Flush()
}

// updateFailures is every reason as one error.
func updateFailures(results []update.Result) error {
	var failed []string

	for _, r := range results {
		if r.State == update.Failed {
			failed = append(failed, fmt.Sprintf("%s:%d: %s: %s", r.File, r.Line, r.Name, r.Reason))
		}
	}

	if len(failed) == 0 {
		return nil
	}

	return fmt.Errorf("some versions are not known:\n%s", strings.Join(failed, "\n"))
}
