package engine_test

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/engine"
)

// childEnv makes the test binary a build that its parent kills. Its value is
// the state directory; childTools names the directory of the helper, and
// childOut where the build would write to.
const (
	childEnv   = "AKMON_ENGINE_TEST_CHILD"
	childTools = "AKMON_ENGINE_TEST_TOOLS"
	childOut   = "AKMON_ENGINE_TEST_OUT"
)

// child builds a step that takes very long.
func child() {
	if err := childBuild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func childBuild() error {
	ctx := context.Background()

	e, err := engine.Open(ctx, engine.Options{StateDir: os.Getenv(childEnv)})
	if err != nil {
		return err
	}
	defer e.Close()

	tree, err := fsutil.NewFS(os.Getenv(childTools))
	if err != nil {
		return err
	}

	def, err := step("slow", "sleep", "10m").Marshal(ctx, llb.LinuxAmd64)
	if err != nil {
		return err
	}

	_, err = e.Solve(ctx, engine.Request{
		Images:    []engine.Image{{Definition: def}},
		LocalDirs: map[string]fsutil.FS{"tools": tree},
		Exports:   []engine.Export{{Type: engine.OCILayout, Path: os.Getenv(childOut)}},
	})

	return err
}
