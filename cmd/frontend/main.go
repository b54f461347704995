// Command frontend is the program of the frontend image. BuildKit runs it
// without arguments to compile a package tree; the build graph runs it with
// some to prepare inputs. People have no use for it on a command line.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/moby/buildkit/frontend/gateway/grpcclient"
	"github.com/moby/buildkit/util/appcontext"

	"github.com/akmon-os/akmon/forge/frontend"
	"github.com/akmon-os/akmon/forge/frontend/step"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "frontend:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()

		return step.Run(ctx, "/", args, os.Stdout)
	}

	if os.Getenv("BUILDKIT_SESSION_ID") == "" {
		return fmt.Errorf("this program is run by BuildKit; begin the tree's root document with `# syntax=IMAGE` " +
			"and build it with `docker buildx build -f pkg.yaml .`")
	}

	return grpcclient.RunFromEnvironment(appcontext.Context(), frontend.Build)
}
