// Command front is the akmon that an installation has on its path, in two
// files instead of one: this small program, installed as akmon, renders media
// (akmon image) itself and leaves everything else to the whole program,
// installed beside it as akmon-forge.
//
// The whole program holds BuildKit. Reading its 37 MB from a disk and starting
// its 400 packages takes longer than rendering an ISO image does; this one
// is a quarter of that. Who has but one file installs cmd/akmon, which
// does all the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/imager/command"
	"github.com/akmon-os/akmon/schemas/document"
)

// whole is the name of the whole program.
const whole = "akmon-forge"

func main() {
	if len(os.Args) > 1 && os.Args[1] == command.Akmon.Use {
		os.Exit(image(os.Args[1:], os.Stdout, os.Stderr))
	}

	fmt.Fprintln(os.Stderr, "akmon:", forward(os.Args[1:]))
	os.Exit(1)
}

// image is the whole program's akmon image.
func image(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	root := &cobra.Command{Use: "akmon", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(command.New(command.Akmon))
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

	if errors.Is(err, command.ErrUsage) {
		return 2
	}

	return 1
}

// forward becomes the whole program. It returns only when it can't.
func forward(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find %s: %w", whole, err)
	}

	// The name on the path may be a link to where both are.
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return fmt.Errorf("find %s: %w", whole, err)
	}

	path := filepath.Join(filepath.Dir(self), whole)

	err = syscall.Exec(path, append([]string{"akmon"}, args...), os.Environ())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing; it is installed beside this program, in %s", whole, filepath.Dir(self))
	}

	return fmt.Errorf("start %s: %w", path, err)
}
