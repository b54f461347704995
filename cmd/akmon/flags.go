package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine/progress"
)

// treeFlags are the flags of every command that reads a tree.
type treeFlags struct {
	dir       string
	set       []string
	platforms []string
	store     string
	offline   bool
	frozen    bool
	progress  string
}

func (f *treeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.dir, "directory", "C", ".", "the tree's root directory")
	flags.StringArrayVar(&f.set, "set", nil, "build argument NAME=VALUE, {{ .BUILD_ARG_NAME }} in recipes")
	flags.StringSliceVar(&f.platforms, "platform", nil, "platforms to build for, such as linux/amd64,linux/arm64 (default this machine's)")
	_ = cmd.MarkFlagDirname("directory")
}

// addFrozen adds the flag of commands that may insist on the tree's locks.
func (f *treeFlags) addFrozen(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.frozen, "frozen", false, "fail if a lock does not fix all that recipes leave open; see akmon lock")
}

// addFetch adds the flags of commands that fetch sources.
func (f *treeFlags) addFetch(cmd *cobra.Command) {
	f.add(cmd)

	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", "", "directory of the source store (default $XDG_CACHE_HOME/akmon/store)")
	flags.BoolVar(&f.offline, "offline", false, "use no network: what the store lacks is an error")
	flags.StringVar(&f.progress, "progress", "auto", "progress on standard error: auto, tty, plain, json or quiet")
	_ = cmd.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions(
		[]cobra.Completion{"auto", "tty", "plain", "json", "quiet"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *treeFlags) options(cmd *cobra.Command, targets []string) (forge.Options, error) {
	o := forge.Options{
		Dir: f.dir, Targets: targets, Args: map[string]string{},
		Store: f.store, Offline: f.offline, Frozen: f.frozen, Log: cmd.ErrOrStderr(), Progress: progress.Auto,
	}

	for _, arg := range f.set {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return o, usageError{fmt.Errorf("--set %q is not of the form NAME=VALUE", arg)}
		}

		o.Args[name] = value
	}

	var err error
	if o.Platforms, err = forge.ParsePlatforms(f.platforms); err != nil {
		return o, usageError{fmt.Errorf("--platform: %w", err)}
	}

	if f.progress != "" {
		if o.Progress, err = progress.ParseMode(f.progress); err != nil {
			return o, usageError{fmt.Errorf("--progress: %w", err)}
		}
	}

	return o, nil
}

// outputFormat is the -o flag of commands that print a result.
func outputFormat(cmd *cobra.Command, into *string, formats ...string) {
	cmd.Flags().StringVarP(into, "output", "o", formats[0], "form of the result: "+strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}
