// Command installer is the program in the installer image: it puts the system
// on a disk. See package installer for what it writes and in which order.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/akmon-os/akmon/installer/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)

	code := command.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)

	stop()
	os.Exit(code)
}
