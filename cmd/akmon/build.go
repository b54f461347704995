package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
)

func newBuild() *cobra.Command {
	var (
		flags   treeFlags
		outputs []string
		engines engine.Options
		key     string
		secrets []string
		agents  []string
		noCache bool
		asJSON  bool
		keepMB  int64
		from    []string
		to      []string
		keep    bool
		timings []string
	)

	cmd := &cobra.Command{
		Use:   "build [TARGET...]",
		Short: "Build packages of the tree",
		Long: `Build the named packages and all that they need; without a name, every package
that nothing depends on. Steps run in BuildKit: inside this process (needs runc,
and root or a user namespace), or at --builder. What an earlier build did is not done again.

Each -o writes every target: type=oci (a layout directory, the default with
named targets), oci-tar, docker (for docker load), local (the plain files) go
to dest=DIR under the target's name; type=registry pushes to ref=REF, where
{target} stands for the name. Packages with an image: section get SBOMs (SPDX,
CycloneDX), SLSA provenance, and signatures when there is a --key.

Steps get the --secret and --ssh that their recipe asks for. A result does not
depend on them: a step whose secret has another value is not run again.

What a failed step last printed is shown with the line of its recipe; akmon log
shows all of it, and akmon debug opens a shell where it failed.`,
		Example: `  akmon build
  akmon build installer --set PROFILE=vm --key akmon.key -o type=oci,dest=_out
  akmon build kernel -o type=local,dest=/tmp/kernel
  akmon build installer -o type=registry,ref=registry.example.com/akmon/{target}:v0.1.0
  akmon build modules --secret id=netrc,src=$HOME/.netrc --ssh default
  akmon build --keep-going --timings timings.html
  akmon build --builder tcp://buildkit.example.com:1234 imager -o type=docker
  akmon build kernel --cache-from registry.example.com/cache:{target} --cache-to registry.example.com/cache:{target}`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := flags.options(cmd, args)
			if err != nil {
				return err
			}

			if len(outputs) == 0 && len(args) > 0 {
				outputs = []string{"type=oci"}
			}

			for _, text := range outputs {
				output, err := forge.ParseOutput(text)
				if err != nil {
					return usageError{err}
				}

				o.Outputs = append(o.Outputs, output)
			}

			if err := askable(&o, secrets, agents); err != nil {
				return usageError{err}
			}

			if o.CacheFrom, err = parseCaches(from, forge.ParseCacheFrom); err != nil {
				return err
			}

			if o.CacheTo, err = parseCaches(to, forge.ParseCacheTo); err != nil {
				return err
			}

			o.Engine, o.Key, o.NoCache = engines, key, noCache
			o.Engine.GCKeepBytes = keepMB << 20
			o.KeepGoing, o.Timings = keep, timings

			entered := engine.EnterNamespace(o.Engine)

			// A build that kept going has both: what was built, and what failed.
			result, failed := forge.Build(cmd.Context(), o)
			if result == nil {
				return rather(entered, failed)
			}

			if flags.progress != "quiet" {
				result.WriteSummary(cmd.ErrOrStderr())
			}

			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")

				return errors.Join(failed, encoder.Encode(result))
			}

			for _, t := range result.Targets {
				for _, path := range t.Outputs {
					fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\t%s\t%s\n", t.Name, strings.Join(t.Platforms, ","), t.Digest, path)
				}
			}

			return failed
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.addFetch(cmd)
	flags.addFrozen(cmd)

	f := cmd.Flags()
	f.StringArrayVarP(&outputs, "output", "o", nil, "what to write: type=oci|oci-tar|docker|local|registry[,dest=DIR][,ref=REF]")
	f.BoolVar(&asJSON, "json", false, "print the result, with the times of packages, as JSON")
	f.StringVar(&key, "key", "", "private key to sign images with; its password is in AKMON_KEY_PASSWORD or asked for")
	f.StringArrayVar(&secrets, "secret", nil, "what steps may ask for and no layer keeps: id=ID,src=FILE or id=ID,env=VARIABLE")
	f.StringArrayVar(&agents, "ssh", nil, "SSH agent that steps may ask: ID (of SSH_AUTH_SOCK) or ID=PATH, a socket or private keys")
	f.BoolVar(&noCache, "no-cache", false, "run every step again")
	f.StringArrayVar(&from, "cache-from", nil, "cache to take results of steps from: REF, or type=registry|local[,ref=REF][,src=DIR]")
	f.StringArrayVar(&to, "cache-to", nil, "cache to write results of steps to: REF, or type=registry|local[,ref=REF][,dest=DIR][,mode=min|max]")
	f.BoolVarP(&keep, "keep-going", "k", false, "build what can be built although packages fail")
	f.StringArrayVar(&timings, "timings", nil, "file to write the times of steps to: a page of HTML, or JSON with the ending .json")
	cmd.MarkFlagsMutuallyExclusive("keep-going", "no-cache")
	f.StringVar(&engines.Builder, "builder", os.Getenv("BUILDKIT_HOST"), "BuildKit to use instead of the embedded one: unix://, tcp://, docker-container://, kube-pod:// (BUILDKIT_HOST)")
	f.StringVar(&engines.TLS.CA, "builder-ca", "", "CA certificate of a tcp:// builder")
	f.StringVar(&engines.TLS.Cert, "builder-cert", "", "client certificate for a tcp:// builder")
	f.StringVar(&engines.TLS.Key, "builder-key", "", "key of the client certificate")
	f.IntVar(&engines.MaxParallel, "max-parallel", 0, "how many steps may run at a time (default no limit)")
	f.Int64Var(&keepMB, "engine-keep-mb", 0, "how many megabytes of old results the embedded engine keeps (default as the disk allows)")
	f.StringVar(&engines.StateDir, "engine-dir", "", "state directory of the embedded engine (default $XDG_CACHE_HOME/akmon/engine)")

	return cmd
}

// askable reads what steps may ask for.
func askable(o *forge.Options, secrets, agents []string) error {
	for _, text := range secrets {
		secret, err := forge.ParseSecret(text)
		if err != nil {
			return err
		}

		o.Secrets = append(o.Secrets, secret)
	}

	for _, text := range agents {
		agent, err := forge.ParseSSH(text)
		if err != nil {
			return err
		}

		o.SSH = append(o.SSH, agent)
	}

	return nil
}

// parseCaches reads the values of a cache flag.
func parseCaches(texts []string, parse func(string) (engine.Cache, error)) ([]engine.Cache, error) {
	var caches []engine.Cache

	for _, text := range texts {
		c, err := parse(text)
		if err != nil {
			return nil, usageError{err}
		}

		caches = append(caches, c)
	}

	return caches, nil
}

// completeTargets offers the tree's packages to the shell.
func (f *treeFlags) completeTargets(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, err := forge.Targets(f.dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}

	return names, cobra.ShellCompDirectiveNoFileComp
}
