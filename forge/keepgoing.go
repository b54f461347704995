package forge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
)

// FailuresError is what went wrong in a build that kept going.
type FailuresError struct {
	// Failures are the errors, one for each package that failed, in the order
	// in which packages are built.
	Failures []error
	// Skipped are the packages that were not built because of that.
	Skipped []string
}

// Error prints every failure.
func (e *FailuresError) Error() string {
	var b strings.Builder

	for _, f := range e.Failures {
		b.WriteString(f.Error() + "\n")
	}

	fmt.Fprintf(&b, "%d packages failed", len(e.Failures))

	if len(e.Failures) == 1 {
		b.Reset()
		b.WriteString(e.Failures[0].Error() + "\n1 package failed")
	}

	if len(e.Skipped) > 0 {
		fmt.Fprintf(&b, ", not built because of that: %s", strings.Join(e.Skipped, ", "))
	}

	return b.String()
}

// Unwrap gives the failures to errors.As and errors.Is.
func (e *FailuresError) Unwrap() []error { return e.Failures }

// outcome is what became of one package.
type outcome struct {
	done chan struct{}
	// err is its failure; skipped says that a package that it needs failed.
	err     error
	skipped bool
}

func (o *outcome) bad() bool { return o.err != nil || o.skipped }

// maxSolves is how many packages are handed to the engine at a time. How many
// steps run at a time is the engine's concern.
func maxSolves() int64 { return int64(4 * runtime.GOMAXPROCS(0)) }

// everyPackage builds each package of the targets that nothing of what it needs
// keeps from being built. The targets themselves then come from the cache.
// It returns the targets that can be had.
func (o *Options) everyPackage(ctx context.Context, e *engine.Engine, targets []*target, w *watch, epoch time.Time) ([]*target, error) {
	failures := &FailuresError{}
	bad, steps := map[string]bool{}, map[string]bool{}

	for _, p := range plansOf(targets) {
		outcomes, err := o.packages(ctx, e, p, w, epoch)
		if err != nil {
			return nil, err
		}

		for _, n := range p.graph.Packages() {
			switch out := outcomes[n]; {
			case out.err != nil:
				bad[n.Name] = true

				// All outputs of a recipe fail in the same step.
				var step *engine.StepError
				if errors.As(out.err, &step) {
					if steps[step.Step.Digest] {
						continue
					}

					steps[step.Step.Digest] = true
				}

				failures.Failures = append(failures.Failures, out.err)
			case out.skipped:
				failures.Skipped = append(failures.Skipped, n.String())
				bad[n.Name] = true
			}
		}
	}

	if len(failures.Failures) == 0 {
		return targets, nil
	}

	var good []*target

	for _, t := range targets {
		if !bad[t.name] {
			good = append(good, t)
		}
	}

	return good, failures
}

// plan is the graph of one platform and its inputs.
type plan struct {
	graph  *graph.Graph
	inputs *inputs
}

func plansOf(targets []*target) []plan {
	var plans []plan

	seen := map[*graph.Graph]bool{}

	for _, t := range targets {
		for i, g := range t.graphs {
			if !seen[g] {
				seen[g] = true
				plans = append(plans, plan{g, t.inputs[i]})
			}
		}
	}

	return plans
}

// packages builds the packages of a graph, each once what it needs is there.
func (o *Options) packages(ctx context.Context, e *engine.Engine, p plan, w *watch, epoch time.Time) (map[*graph.Node]*outcome, error) {
	outcomes := map[*graph.Node]*outcome{}
	nodes := p.graph.Packages()

	for _, n := range nodes {
		outcomes[n] = &outcome{done: make(chan struct{})}
	}

	limit := semaphore.NewWeighted(maxSolves())

	for _, n := range nodes {
		go func() {
			out := outcomes[n]
			defer close(out.done)

			for _, in := range n.Inputs() {
				if needed := outcomes[in.Node]; needed != nil {
					<-needed.done

					out.skipped = out.skipped || needed.bad()
				}
			}

			// A package for the build's own platform has no name to ask for
			// it by; it is built with what needs it.
			if out.skipped || p.graph.Find(n.Name) != n {
				return
			}

			if err := limit.Acquire(ctx, 1); err != nil {
				out.err = err

				return
			}
			defer limit.Release(1)

			if err := o.onePackage(ctx, e, p, n, w, epoch); err != nil {
				out.err = fmt.Errorf("build %s: %w", n, err)
			}
		}()
	}

	for _, n := range nodes {
		<-outcomes[n].done
	}

	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the build was cancelled: %w", context.Cause(ctx))
	}

	// What is wrong with the engine or the disk is not a package's failure.
	for _, n := range nodes {
		var full *engine.DiskFullError
		if errors.As(outcomes[n].err, &full) {
			return nil, outcomes[n].err
		}
	}

	return outcomes, nil
}

// onePackage solves a package without writing it.
func (o *Options) onePackage(ctx context.Context, e *engine.Engine, p plan, n *graph.Node, w *watch, epoch time.Time) error {
	t := &target{name: n.Name}
	if err := t.add(ctx, p.graph, n, p.inputs, lower.Options{LocalID: p.inputs.local}); err != nil {
		return err
	}

	// A recipe that makes outputs alone is built with them.
	if len(t.image.Images[0].Definition.Def) == 0 {
		return nil
	}

	request := t.image
	request.Epoch, request.Attach, request.Progress = &epoch, w.attach, w.part(n.Name, t.image)

	for _, name := range w.needing(n.Name) {
		request.CacheFrom = append(request.CacheFrom, cachesOf(o.CacheFrom, name)...)
	}

	result, err := e.Solve(ctx, request)
	if err != nil {
		return err
	}

	w.ran(n.Name, result)

	return nil
}
