package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/reproduce"
)

// errDifferent is the end of a comparison that found differences; the report
// has them.
var errDifferent = errors.New("not reproducible")

func newReproduce() *cobra.Command {
	var (
		flags   treeFlags
		secrets []string
		agents  []string
		engines engine.Options
		o       reproduce.Options
		against string
		format  string
		noCache bool
	)

	cmd := &cobra.Command{
		Use:   "reproduce [TARGET...]",
		Short: "Build twice and compare, or compare a published image with the tree",
		Long: `Build the targets twice from nothing and compare the images. The second build
runs under another host name, user name and time zone, on one CPU, on a file
system that lists files in another order, and (where libfaketime is installed)
401 days later; what could not be varied is said. If an image differs, the
package in which that begins is named, and which of its files differ, and how:
akmon looks into archives, file systems, executables and kernels.

With --against, an image that was published is compared with the one that the
tree gives, built as akmon build does.

The certificate and the signatures of a kernel's modules are made with a key
that lives for one build. They are named and don't count as a difference.
The exit code is 1 if an image differs.`,
		Example: `  akmon reproduce kernel --set PROFILE=metal
  akmon reproduce --vary hostname,clock base
  akmon reproduce installer --against registry.example.com/akmon/installer:v0.1.0
  akmon reproduce installer --against oci:_out/installer -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Build, err = flags.options(cmd, args); err != nil {
				return err
			}

			if o.Vary, err = reproduce.ParseConditions(o.Vary); err != nil {
				return usageError{fmt.Errorf("--vary: %w", err)}
			}

			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--output %q is not text or json", format)}
			}

			if err := askable(&o.Build, secrets, agents); err != nil {
				return usageError{err}
			}

			o.Build.Engine, o.Build.NoCache = engines, noCache

			entered := engine.EnterNamespace(engines)

			var report *reproduce.Report
			if against == "" {
				report, err = reproduce.Twice(cmd.Context(), o)
			} else {
				report, err = reproduce.Against(cmd.Context(), o, against)
			}

			if err != nil {
				return rather(entered, err)
			}

			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(report)
			} else {
				err = report.WriteText(cmd.OutOrStdout())
			}

			if err == nil && !report.Reproducible() {
				err = errDifferent
			}

			return err
		},
		ValidArgsFunction: flags.completeTargets,
	}
	flags.addFetch(cmd)
	outputFormat(cmd, &format, "text", "json")

	f := cmd.Flags()
	f.StringVar(&against, "against", "", "published image to compare with, REGISTRY/NAME:TAG or oci:DIR; {target} stands for the name")
	f.BoolVar(&o.Insecure, "insecure", false, "allow plain HTTP and unverified TLS for --against")
	f.BoolVar(&noCache, "no-cache", false, "with --against, run every step again")
	f.StringSliceVar(&o.Vary, "vary", nil, "what to vary: hostname, user, timezone, cpus, order, clock, or none (default all)")
	f.StringVar(&o.Dir, "work-dir", "", "where to build; needs room for two builds (default $XDG_CACHE_HOME/akmon/reproduce)")
	f.BoolVar(&o.Keep, "keep", false, "leave both builds in the work directory")
	f.StringArrayVar(&secrets, "secret", nil, "what steps may ask for, as in akmon build: id=ID,src=FILE or id=ID,env=VARIABLE")
	f.StringArrayVar(&agents, "ssh", nil, "SSH agent that steps may ask: ID or ID=PATH")
	f.StringVar(&engines.Builder, "builder", os.Getenv("BUILDKIT_HOST"), "BuildKit to use instead of the embedded one; then nothing but the time is varied")
	f.StringVar(&engines.TLS.CA, "builder-ca", "", "CA certificate of a tcp:// builder")
	f.StringVar(&engines.TLS.Cert, "builder-cert", "", "client certificate for a tcp:// builder")
	f.StringVar(&engines.TLS.Key, "builder-key", "", "key of the client certificate")
	f.IntVar(&engines.MaxParallel, "max-parallel", 0, "how many steps may run at a time (default no limit)")
	f.StringVar(&engines.StateDir, "engine-dir", "", "with --against, state directory of the embedded engine (default $XDG_CACHE_HOME/akmon/engine)")

	_ = cmd.RegisterFlagCompletionFunc("vary", cobra.FixedCompletions(reproduce.ConditionNames, cobra.ShellCompDirectiveNoFileComp))

	return cmd
}
