// Command akmonctl configures, inspects and controls machines by their API.
//
// It keeps the commands and flags of the documented client, talosctl. Results
// go to standard output, progress and warnings to standard error; it exits
// with 0, with 1 when the work failed, and with 2 when it was used wrongly.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)

	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)

	err := root.ExecuteContext(ctx)

	var usage *usageError

	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "Error: %v\nRun '%s --help' for how to use it.\n", err, usage.command)

		return 2
	case ctx.Err() != nil:
		return 1 // the user ended it, and knows
	default:
		fmt.Fprintf(stderr, "Error: %v\n", err)

		return 1
	}
}
