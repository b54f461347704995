package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/akmon-os/akmon/test/bench/measure"
	"github.com/akmon-os/akmon/test/bench/result"
)

// maxSettle is how many builds may be needed until one has nothing to do.
const maxSettle = 2

// noop measures a build of the whole tree in which nothing has changed.
func (b *bench) noop(ctx context.Context) error {
	akmon, err := program(b.akmon)
	if err != nil {
		return err
	}

	if err := b.settle(ctx, akmon); err != nil {
		return err
	}

	out := result.NoOp{Taken: b.taken(ctx), Profile: b.profile}

	for i := range b.runs {
		p, err := measure.Run(ctx, akmon, b.buildArgs("--json", "--progress", "quiet")...)
		if err != nil {
			return err
		}

		build, err := result.ParseBuild(p.Stdout)
		if err != nil {
			return err
		}

		if build.Executed > 0 {
			return fmt.Errorf("the build ran %d steps: something changed the tree meanwhile", build.Executed)
		}

		progress("  run %d of %d: %.2f s", i+1, b.runs, p.Seconds)

		out.Process = append(out.Process, p.Seconds)
		out.Inside = append(out.Inside, build.Seconds)
		out.Steps = build.Cached
	}

	if err := b.again(ctx, &out); err != nil {
		return err
	}

	return result.Save(b.rawDir(), &out)
}

// again measures builds in one process.
func (b *bench) again(ctx context.Context, out *result.NoOp) error {
	warm, err := b.compile(ctx, "warm")
	if err != nil {
		return err
	}

	args := []string{"-C", b.tree, "-runs", strconv.Itoa(b.runs), "-set", "PROFILE=" + b.profile}
	if b.engineDir != "" {
		args = append(args, "-engine-dir", b.engineDir)
	}

	p, err := measure.Run(ctx, warm, args...)
	if err != nil {
		return err
	}

	var times struct{ Again, Engine result.Samples }
	if err := json.Unmarshal(p.Stdout, &times); err != nil {
		return fmt.Errorf("read what warm printed: %w", err)
	}

	out.Again, out.Engine = times.Again, times.Engine

	return nil
}

// settle builds until there is nothing to do.
func (b *bench) settle(ctx context.Context, akmon string) error {
	for range maxSettle {
		// The build may take long: it is shown.
		cmd := exec.CommandContext(ctx, akmon, b.buildArgs("--json")...)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.Stderr = os.Stderr

		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("build the tree: %w", err)
		}

		build, err := result.ParseBuild(out)
		if err != nil {
			return err
		}

		if build.Executed == 0 {
			return nil
		}
	}

	return errors.New("a build right after another one still has something to do")
}

func (b *bench) buildArgs(more ...string) []string {
	args := []string{"build", "-C", b.tree, "--set", "PROFILE=" + b.profile}
	if b.engineDir != "" {
		args = append(args, "--engine-dir", b.engineDir)
	}

	return append(args, more...)
}

// program is the path of a program that must be there, so that it can be run
// from anywhere.
func program(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no akmon program (`make tools` makes it): %w", err)
	}

	return filepath.Abs(path)
}
