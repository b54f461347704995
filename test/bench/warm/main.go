// Command warm times builds in one process that has built before, and the
// engine's start and end alone, in turn. It is a program of its own so that
// the rest of the benchmarks stays a small process, without BuildKit in it.
//
// It prints {"again": [seconds…], "engine": [seconds…]}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/log"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "warm:", err)
		os.Exit(1)
	}
}

func run() error {
	o := forge.Options{Args: map[string]string{}, Progress: progress.Quiet}
	o.Engine.NoWait = true // who waits for another build measures that

	runs := flag.Int("runs", 5, "how many builds to time")
	flag.StringVar(&o.Dir, "C", ".", "root of the tree")
	flag.StringVar(&o.Engine.StateDir, "engine-dir", "", "state directory of the engine")
	flag.Func("set", "build argument NAME=VALUE", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("it is not of the form NAME=VALUE")
		}

		o.Args[name] = value

		return nil
	})
	flag.Parse()

	// As in akmon itself.
	_ = log.SetLevel("error")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var out struct {
		Again  []float64 `json:"again"`
		Engine []float64 `json:"engine"`
	}

	for i := range *runs + 1 {
		again, err := timed(func() error { return build(ctx, o) })
		if err != nil {
			return err
		}

		open, err := timed(func() error { return openEngine(ctx, o.Engine) })
		if err != nil {
			return err
		}

		if i > 0 { // the first ones make the process warm
			out.Again, out.Engine = append(out.Again, again), append(out.Engine, open)
		}
	}

	return json.NewEncoder(os.Stdout).Encode(out)
}

func timed(do func() error) (float64, error) {
	start := time.Now()
	err := do()

	return time.Since(start).Seconds(), err
}

func build(ctx context.Context, o forge.Options) error {
	result, err := forge.Build(ctx, o)
	if err != nil {
		return err
	}

	if result.Executed > 0 {
		return fmt.Errorf("the build ran %d steps: something changed the tree meanwhile", result.Executed)
	}

	return nil
}

func openEngine(ctx context.Context, o engine.Options) error {
	e, err := engine.Open(ctx, o)
	if err != nil {
		return err
	}

	return e.Close()
}
