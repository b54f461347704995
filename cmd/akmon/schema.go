package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/schemas/jsonschema"
)

func newSchema() *cobra.Command {
	var list bool

	cmd := &cobra.Command{
		Use:   "schema NAME | --list",
		Short: "Print the JSON Schema of a document, for editors",
		Long: `Print the JSON Schema of a kind of document; with --list, or without a name, list
them. An editor with a YAML language server completes and checks a document whose
first lines have the comment

  # yaml-language-server: $schema=PATH-OR-URL

docs/editors.md has an example of each.`,
		Example: `  akmon schema --list
  akmon schema pkg >.schemas/pkg.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && list {
				return usageError{fmt.Errorf("--list lists all schemas; %q is one argument too many", args[0])}
			}

			if len(args) > 1 {
				return usageError{fmt.Errorf("%q is one argument too many; name one document", args[1])}
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, d := range jsonschema.Documents {
					fmt.Fprintf(out, "%s\t%s\t%s\n", d.Name, d.File, d.Description)
				}

				return out.Flush()
			}

			raw, err := jsonschema.Get(args[0])
			if err != nil {
				return usageError{err}
			}

			_, err = cmd.OutOrStdout().Write(raw)

			return err
		},
		ValidArgsFunction: cobra.FixedCompletions(jsonschema.Names(), cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the documents that have a schema")

	return cmd
}
