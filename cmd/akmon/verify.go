package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/publish"
)

func newVerify() *cobra.Command {
	var (
		o      forge.VerifyOptions
		format string
	)

	cmd := &cobra.Command{
		Use:   "verify REF",
		Short: "Check an image's signature, every byte of it, and its provenance",
		Long: `Check that an image was signed with the private half of a key, and that its
manifests, configuration and layers are those that were signed. REF is a
reference in a registry, or oci:DIR or a tar file for an OCI layout. A signed
provenance statement must be about this image; what it says is shown.

With --policy the key is that of the first rule that matches the image's
repository; an image that no rule is about is not accepted. The policy is the
machine configuration's document ImageVerificationConfig.

The digest goes to standard output, everything else to standard error; with
-o json all goes to standard output.`,
		Example: `  akmon verify oci:_out/installer --key akmon.pub
  akmon verify registry.example.com/akmon/installer:v0.1.0 --policy policy.yaml
  akmon verify oci:_out/installer --policy policy.yaml --name registry.example.com/akmon/installer
  akmon verify oci:_out/installer --key akmon.pub -o json | jq '.provenance[].predicate'`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (o.Key == "") == (o.Policy == ""):
				return usageError{fmt.Errorf("give either --key or --policy; see %s --help", cmd.CommandPath())}
			case o.Name != "" && o.Policy == "":
				return usageError{fmt.Errorf("--name is for --policy; see %s --help", cmd.CommandPath())}
			case format != "text" && format != "json":
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}

			verified, err := forge.Verify(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}

			if format == "json" {
				return writeJSON(cmd.OutOrStdout(), verified)
			}

			showVerified(cmd.ErrOrStderr(), verified)
			fmt.Fprintln(cmd.OutOrStdout(), verified.Digest)

			return nil
		},
	}
	cmd.Flags().StringVar(&o.Key, "key", "", "public key (PEM) to verify with")
	cmd.Flags().StringVar(&o.Policy, "policy", "", "verification policy (YAML) that says who must have signed")
	cmd.Flags().StringVar(&o.Name, "name", "", "repository that the policy knows the image by (default the one it is in)")
	cmd.Flags().BoolVar(&o.Insecure, "insecure", false, "allow plain HTTP and unverified TLS")
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")

	return encoder.Encode(v)
}

func showVerified(w io.Writer, v *forge.Verified) {
	if v.Skipped {
		fmt.Fprintf(w, "not verified: rule %d of the policy accepts it unsigned\n", v.Rule)

		return
	}

	fmt.Fprintf(w, "signed by key %.16s\n", v.Key)

	for _, a := range v.Attachments {
		state := "signed"
		if !a.Signed {
			state = "not signed by this key"
		}

		fmt.Fprintf(w, "attached: %s, %s\n", a.Type, state)
	}

	for _, s := range v.Provenance {
		d := s.Predicate.BuildDefinition

		source := "a tree without a commit"
		if commit, modified := s.Commit(); commit != "" {
			source = "commit " + commit
			if modified {
				source += ", with changes"
			}
		}

		fmt.Fprintf(w, "built by %s from %s: %s for %s, %d packages, %d materials\n", s.Predicate.RunDetails.Builder.ID,
			source, d.External.Target, strings.Join(d.External.Platforms, ","), len(d.Internal.Packages), len(d.Materials))
	}
}

func newPush() *cobra.Command {
	var opts publish.Options

	cmd := &cobra.Command{
		Use:     "push LAYOUT REF",
		Short:   "Push an OCI layout with its signatures, SBOMs and provenance to a registry",
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
