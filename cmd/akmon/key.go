package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
)

func newKey() *cobra.Command {
	key := &cobra.Command{Use: "key", Short: "Make signing keys"}

	var output string

	generate := &cobra.Command{
		Use:   "generate",
		Short: "Make a signing key and its public key",
		Long: `Make an ECDSA P-256 key pair in cosign's format: NAME.key, encrypted with a
password, and NAME.pub. The password is that of AKMON_KEY_PASSWORD or
COSIGN_PASSWORD; without them it is asked for.`,
		Example: "  akmon key generate --output akmon",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forge.GenerateKey(output); err != nil {
				return err
			}

			fmt.Fprintf(cmd.OutOrStdout(), "%s.key\n%s.pub\n", output, output)

			return nil
		},
	}
	generate.Flags().StringVarP(&output, "output", "o", "akmon", "path of the files without their endings")
	key.AddCommand(generate)

	return key
}
