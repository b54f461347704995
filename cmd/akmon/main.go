// Command akmon compiles package trees into signed OCI images and renders
// them as boot media. Its subcommands are thin: forge builds, forge/publish
// verifies, imager renders.
//
// Results go to standard output, progress and messages to standard error. The
// exit code is 0, 1 when the work failed, 2 when the command line is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/containerd/log"
	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/imager/command"
	"github.com/akmon-os/akmon/internal/gcpace"
	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/schemas/document"
)

func main() {
	gcpace.Start()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	// Libraries log what is no concern of the person who builds (a file system
	// without fs-verity, say); the engine keeps its own log file.
	_ = log.SetLevel("error")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	// The first signal ends the work in order; a second one ends the process.
	go func() {
		<-ctx.Done()
		stop()
	}()

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)

	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}

	// A finding begins with its place, as editors expect it.
	var found document.Errors
	if errors.As(err, &found) {
		fmt.Fprintln(stderr, err)
	} else {
		fmt.Fprintln(stderr, "akmon:", err)
	}

	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, command.ErrUsage) {
		return 2
	}

	return 1
}

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "akmon",
		Short: "Forge operating system images from a tree of pkg.yaml files",
		Long: `Akmon compiles a tree of pkg.yaml files into signed, reproducible OCI images,
and renders an installer image as ISO, UKI and other media.`,
		Example: `  akmon build installer --set PROFILE=vm --key akmon.key
  akmon verify oci:_out/installer --key akmon.pub
  akmon image iso --installer oci:_out/installer --arch amd64`,
		Version:                    version.Tag,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				hint := "see akmon --help"
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					hint = fmt.Sprintf("did you mean %q?", near[0])
				}

				return usageError{fmt.Errorf("unknown command %q; %s", args[0], hint)}
			}

			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})

	root.AddCommand(
		newBuild(), newFetch(), newSum(), newLock(), newUpdate(), newStore(), newEngine(),
		newReproduce(), newLog(), newDebug(),
		newImage(), newVerify(), newSBOM(), newPush(), newKey(),
		newValidate(), newLint(), newFmt(), newSchema(),
		newGraph(), newEval(), newDump(), newExplain(), newDiff(),
	)

	return root
}

// exactArgs wants the arguments named, and says which when they are missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError{fmt.Errorf("%s is missing; see %s --help", names[len(args)], cmd.CommandPath())}
		case len(args) > len(names):
			return usageError{fmt.Errorf("%q is one argument too many; see %s --help", args[len(names)], cmd.CommandPath())}
		}

		return nil
	}
}
