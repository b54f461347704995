// Command imager renders boot assets. It is the entry point of the imager
// image, which also has an installer's files.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/akmon-os/akmon/imager/command"
	"github.com/akmon-os/akmon/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	cmd := command.New(command.Config{Use: "imager", OutputDir: "/out", DefaultInstaller: "/usr/install"})
	cmd.Version = version.Tag

	err := cmd.ExecuteContext(ctx)

	switch {
	case err == nil:
	case errors.Is(err, command.ErrUsage):
		fmt.Fprintln(os.Stderr, "imager:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "imager:", err)
		os.Exit(1)
	}
}
