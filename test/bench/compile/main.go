// Command compile loads, resolves and lowers a tree once, and says what that
// took. It is a program of its own so that its memory is the compiler's alone.
//
// It prints a result.Compilation, whose process is left to who starts it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/internal/gcpace"
	"github.com/akmon-os/akmon/test/bench/result"
)

func main() {
	gcpace.Start() // as akmon does

	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	dir := flag.String("C", ".", "root of the tree")
	target := flag.String("target", "", "the package to compile with all that it needs")
	cpu := flag.String("cpuprofile", "", "write a CPU profile to `FILE`")
	heap := flag.String("memprofile", "", "write a profile of all allocations to `FILE`")
	flag.Parse()

	if *cpu != "" {
		f, err := os.Create(*cpu)
		if err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		defer f.Close() //nolint:errcheck // StopCPUProfile has no error either

		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}

	var out result.Compilation

	if err := compile(*dir, *target, &out); err != nil {
		return err
	}

	if *heap != "" {
		f, err := os.Create(*heap)
		if err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		defer f.Close() //nolint:errcheck // WriteTo says what goes wrong

		if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
	}

	return json.NewEncoder(os.Stdout).Encode(out)
}

func compile(dir, target string, out *result.Compilation) error {
	var (
		t    *tree.Tree
		g    *graph.Graph
		made *lower.Result
	)

	for _, phase := range []struct {
		times *result.Times
		do    func() error
	}{
		{&out.Load, func() (err error) { t, err = tree.Load(tree.Options{Dir: dir}); return err }},
		{&out.Resolve, func() (err error) { g, err = graph.Resolve(t, []string{target}); return err }},
		{&out.Lower, func() (err error) {
			made, err = lower.Lower(context.Background(), g, target, lower.Options{})

			return err
		}},
	} {
		start, before := time.Now(), used()

		if err := phase.do(); err != nil {
			return err
		}

		*phase.times = result.Times{Wall: time.Since(start).Seconds(), CPU: used() - before}
	}

	sum := digest.SHA256.Digester()
	for _, op := range made.Definition.Def {
		sum.Hash().Write(op)
	}

	out.Packages, out.Operations, out.Digest = len(g.Packages()), len(made.Definition.Def), sum.Digest().String()

	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read how much memory was used: %w", err)
	}

	out.Peak = result.Field(status, "VmHWM")

	return nil
}

// used is the CPU time of this process so far, in seconds.
func used() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}

	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
