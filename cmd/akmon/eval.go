package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newEval() *cobra.Command {
	var (
		flags  treeFlags
		target string
	)

	cmd := &cobra.Command{
		Use:   "eval TEMPLATE",
		Short: "Render a template with the variables of a package",
		Long: `Render TEMPLATE (- for standard input) with the variables that the recipe of the
target sees, or with those of the root.`,
		Example: `  akmon eval -t kernel '{{ .LINUX_VERSION }}'
  akmon eval --platform linux/arm64 '{{ .TARGET }}'`,
		Args: exactArgs("TEMPLATE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, nil)
			if err != nil {
				return err
			}

			text := args[0]
			if text == "-" {
				raw, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("read the template: %w", err)
				}

				text = string(raw)
			}

			t, err := loadTree(&o)
			if err != nil {
				return err
			}

			result, err := t.Eval(target, text)
			if err != nil {
				return err
			}

			if args[0] != "-" {
				result += "\n"
			}

			_, err = io.WriteString(cmd.OutOrStdout(), result)

			return err
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVarP(&target, "target", "t", "", "package whose variables the template sees (default the root's)")
	_ = cmd.RegisterFlagCompletionFunc("target", flags.completeTargets)

	return cmd
}
