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
	// childQuick makes it a build of a few quick steps instead of one that
	// takes very long.
	childQuick = "AKMON_ENGINE_TEST_QUICK"
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

	state := step("slow", "sleep", "10m")
	if os.Getenv(childQuick) != "" {
		state = quick()
	}

	def, err := state.Marshal(ctx, llb.LinuxAmd64)
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

// quick is a build of steps that follow each other, stand side by side, and are
// put together.
func quick() llb.State {
	first := step("first", "fill", "/out/first", "1")
	second := base().Network(llb.NetModeNone).Run(run("write", "/out/second", "2")).AddMount("/out", first)

	return both(second, step("side", "fill", "/out/side", "2"), step("other", "write", "/out/other", "3"))
}
