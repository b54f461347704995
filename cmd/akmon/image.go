package main

import (
	"github.com/spf13/cobra"
)

func newImage() *cobra.Command {
	return &cobra.Command{Use: "image"}
}
