package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/runtime/ctl"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

func newGen() *cobra.Command {
	cmd := &cobra.Command{Use: "gen", Short: "Make configurations and secrets"}
	cmd.AddCommand(newGenConfig(), newGenSecrets())

	return cmd
}

func newGenConfig() *cobra.Command {
	var (
		in          generate.Input
		dir, secret string
		types       []string
		mirrors     []string
		force       bool
		discovery   bool
	)

	cmd := &cobra.Command{
		Use:   "config NAME ENDPOINT",
		Short: "Make the configurations of a new cluster",
		Long: `Make controlplane.yaml, worker.yaml and talosconfig for a new cluster.

NAME names the cluster. ENDPOINT is the URL of its Kubernetes API, such as
https://192.168.1.10:6443: the address of the first machine, of a load balancer
or one that the control plane nodes share.`,
		Example: `  akmonctl gen config demo https://192.168.1.10:6443 --output-dir demo
  akmonctl gen config demo https://192.168.1.10:6443 --with-secrets secrets.yaml --force`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("output") && cmd.Flags().Changed("output-dir") {
				return wrongUse(cmd, "--output and --output-dir are the same: use one of them")
			}

			in.ClusterName, in.Endpoint = args[0], args[1]
			in.NoDiscovery = !discovery
			in.Now, in.Random = time.Now().UTC(), rand.Reader

			for _, kind := range types {
				if !slices.Contains(ctl.GeneratedFiles(), kind) {
					return wrongUse(cmd, "output type %q is not one of %s", kind, strings.Join(ctl.GeneratedFiles(), ", "))
				}
			}

			var err error
			if in.RegistryMirrors, err = parseMirrors(mirrors); err != nil {
				return wrongUse(cmd, "%w", err)
			}

			if secret != "" {
				data, err := os.ReadFile(secret)
				if err != nil {
					return err
				}

				if in.Secrets, err = generate.DecodeSecrets(secret, data); err != nil {
					return err
				}
			}

			return ctl.GenerateConfig(in, ctl.Output{Dir: dir, Types: types, Force: force, Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()})
		},
	}

	flags := cmd.Flags()
	flags.StringVarP(&dir, "output", "o", "", "where to write: a directory; with one output type a file, or - for standard output (default: here)")
	flags.StringVar(&dir, "output-dir", "", "the same as --output")
	flags.StringSliceVarP(&types, "output-types", "t", ctl.GeneratedFiles(), "what to write")
	flags.BoolVar(&force, "force", false, "overwrite files that are there already")
	flags.StringVar(&secret, "with-secrets", "", "use the secrets in this file (see gen secrets)")
	flags.StringSliceVar(&in.AdditionalSANs, "additional-sans", nil, "further names and addresses for the certificates of the APIs")
	flags.StringVar(&in.DNSDomain, "dns-domain", generate.DefaultDNSDomain, "domain of the cluster's services")
	flags.StringVar(&in.InstallDisk, "install-disk", generate.DefaultInstallDisk, "disk to install to")
	flags.StringVar(&in.InstallImage, "install-image", "", "installer image")
	flags.StringSliceVar(&mirrors, "registry-mirror", nil, "mirrors of registries, as REGISTRY=URL")
	flags.BoolVar(&in.KubeSpan, "with-kubespan", false, "turn on the mesh between nodes")
	flags.BoolVar(&discovery, "with-cluster-discovery", true, "let members of the cluster find each other")

	return cmd
}

func parseMirrors(given []string) (map[string][]string, error) {
	mirrors := map[string][]string{}

	for _, text := range given {
		registry, url, found := strings.Cut(text, "=")
		if !found || registry == "" || url == "" {
			return nil, fmt.Errorf("registry mirror %q is not REGISTRY=URL", text)
		}

		mirrors[registry] = append(mirrors[registry], url)
	}

	return mirrors, nil
}

func newGenSecrets() *cobra.Command {
	var (
		file  string
		force bool
	)

	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Make the secrets of a new cluster",
		Long: `Make the secrets of a new cluster: keep them, and configurations for further
machines can be made from them at any time (gen config --with-secrets).`,
		Example: "  akmonctl gen secrets -o secrets.yaml",
		Args:    arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			secrets, err := generate.NewSecrets(time.Now().UTC(), rand.Reader)
			if err != nil {
				return err
			}

			data, err := secrets.Encode()
			if err != nil {
				return err
			}

			return ctl.WriteFiles(filepath.Dir(file), map[string][]byte{filepath.Base(file): data}, force)
		},
	}

	cmd.Flags().StringVarP(&file, "output-file", "o", "secrets.yaml", "where to write them")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite a file that is there already")

	return cmd
}
