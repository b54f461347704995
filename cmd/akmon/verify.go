package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/publish"
)

func newVerify() *cobra.Command {
	var (
		key  string
		opts publish.Options
	)

	cmd := &cobra.Command{
		Use:   "verify REF",
		Short: "Check an image's signature and every byte of it",
		Long: `Check that an image was signed with the private half of a key, and that its
manifests, configuration and layers are those that were signed. REF is a
reference in a registry, or oci:DIR for an OCI layout.`,
		Example: `  akmon verify oci:_out/installer --key akmon.pub
  akmon verify registry.example.com/akmon/installer:v0.1.0 --key akmon.pub`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			digest, err := forge.Verify(cmd.Context(), args[0], key, opts)
			if err != nil {
				return err
			}

			fmt.Fprintln(cmd.OutOrStdout(), digest)

			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "public key (PEM) to verify with")
	cmd.Flags().BoolVar(&opts.Insecure, "insecure", false, "allow plain HTTP and unverified TLS")
	_ = cmd.MarkFlagRequired("key")

	return cmd
}

func newPush() *cobra.Command {
	var opts publish.Options

	cmd := &cobra.Command{
		Use:     "push LAYOUT REF",
		Short:   "Push an OCI layout with its signatures and SBOM to a registry",
		Example: "  akmon push oci:_out/installer registry.example.com/akmon/installer:v0.1.0",
		Args:    exactArgs("LAYOUT", "REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pushed, err := forge.Push(cmd.Context(), args[0], args[1], opts)
			if err != nil {
				return err
			}

			fmt.Fprintln(cmd.OutOrStdout(), pushed)

			return nil
		},
	}
	cmd.Flags().BoolVar(&opts.Insecure, "insecure", false, "allow plain HTTP and unverified TLS")

	return cmd
}
