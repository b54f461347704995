package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/tree"
)

// finding is how -o json shows one.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	URL     string `json:"url"`
}

func newLint() *cobra.Command {
	var (
		flags  treeFlags
		format string
	)

	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Find what is allowed in the tree but likely not meant",
		Long: `Look at every package by the rules of docs/lint. A finding is silenced where it
is by a comment with the rule's name and a reason, on its line or above it:

  # lint: unpinned-image: the tag is immutable in this registry

The exit code is 1 when there is a finding.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options(cmd, nil)
			if err != nil {
				return err
			}

			t, err := loadTree(&o)
			if err != nil {
				return err
			}

			found := lint.Check(t)

			switch format {
			case "text":
				for _, f := range found {
					fmt.Fprintf(cmd.OutOrStdout(), "%s\n        %s: %s\n", f.Error, f.Rule.Name, f.Rule.URL())
				}
			case "json":
				list := []finding{}
				for _, f := range found {
					list = append(list, finding{f.File, f.Line, f.Column, f.Rule.Name, f.Message, f.Rule.URL()})
				}

				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")

				if err := encoder.Encode(list); err != nil {
					return err
				}
			default:
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}

			switch len(found) {
			case 0:
				return nil
			case 1:
				return fmt.Errorf("there is 1 finding")
			default:
				return fmt.Errorf("there are %d findings", len(found))
			}
		},
	}
	flags.add(cmd)
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

// loadTree loads the tree for the first platform asked for, or this machine's.
func loadTree(o *forge.Options) (*tree.Tree, error) {
	platform := tree.Host()
	if len(o.Platforms) > 0 {
		platform = o.Platforms[0]
	}

	return tree.Load(tree.Options{Dir: o.Dir, Args: o.Args, Platform: platform})
}
