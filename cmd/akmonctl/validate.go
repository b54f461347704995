package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/schemas/machineconfig"
)

func newValidate() *cobra.Command {
	var (
		file, modeName string
		strict         bool
	)

	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "Check a machine configuration",
		Example: "  akmonctl validate -c controlplane.yaml -m metal",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			mode, err := machineconfig.ParseMode(modeName)
			if err != nil {
				return wrongUse(cmd, "%w", err)
			}

			if file == "" {
				return wrongUse(cmd, "name the configuration with --config")
			}

			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}

			config, warnings, err := machineconfig.Decode(file, data)
			if err != nil {
				return fmt.Errorf("the configuration is not valid:\n%w", err)
			}

			for _, warning := range warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", warning)
			}

			if err := config.Validate(mode); err != nil {
				return fmt.Errorf("the configuration is not valid for mode %s:\n%w", mode, err)
			}

			if strict && len(warnings) > 0 {
				return fmt.Errorf("there are %d warnings", len(warnings))
			}

			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid for %s mode\n", file, mode)

			return err
		},
	}

	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "the configuration")
	flags.StringVarP(&modeName, "mode", "m", "", "the kind of platform: "+strings.Join(machineconfig.Modes(), ", "))
	flags.BoolVar(&strict, "strict", false, "take warnings as errors")

	return cmd
}
