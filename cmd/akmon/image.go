package main

import (
	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/imager/command"
)

func newImage() *cobra.Command {
	return command.New(command.Akmon)
}
