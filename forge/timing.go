package forge

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
)

// PackageTime is what a package cost in a build: the sum of the times of its
// steps that ran. Packages build in parallel, so the sum over all packages is
// more than the time of the build.
type PackageTime struct {
	Name    string  `json:"name"`
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
}

// count adds up the solves, and the times of all steps. The time of a step that
// several solves have counts once.
func (r *Result) count(solved []*engine.Result, steps []progress.Step) {
	packages := map[string]*PackageTime{}
	seen := map[string]bool{}

	for _, s := range solved {
		r.Executed += s.Executed
		r.Cached += s.Cached
	}

	for _, step := range steps {
		if seen[step.Digest] || step.Cached || step.Package == "" || step.Duration() == 0 {
			continue
		}

		seen[step.Digest] = true

		p := packages[step.Package]
		if p == nil {
			p = &PackageTime{Name: step.Package}
			packages[step.Package] = p
		}

		p.Steps++
		p.Seconds += step.Duration().Seconds()
	}

	for _, p := range packages {
		r.Packages = append(r.Packages, *p)
	}

	slices.SortFunc(r.Packages, func(a, b PackageTime) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
}

// countSteps counts the steps of a build that kept going, in which each is part
// of several solves: the one that ran it, and those that found it in the cache.
func (r *Result) countSteps(steps []progress.Step) {
	ran := map[string]bool{}

	for _, s := range steps {
		if s.Package != "" && !s.Input && (s.Cached || s.Duration() > 0) {
			ran[s.Digest] = ran[s.Digest] || !s.Cached
		}
	}

	r.Executed, r.Cached = 0, 0

	for _, executed := range ran {
		if executed {
			r.Executed++
		} else {
			r.Cached++
		}
	}
}

// WriteSummary prints for people what the build did.
func (r *Result) WriteSummary(w io.Writer) {
	if r.Executed == 0 {
		fmt.Fprintf(w, "Nothing to do: all %d steps are up to date (%.1f s).\n", r.Cached, r.Seconds)

		return
	}

	fmt.Fprintf(w, "Ran %d steps, %d were up to date (%s).\n", r.Executed, r.Cached,
		time.Duration(r.Seconds*float64(time.Second)).Round(100*time.Millisecond))

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)

	for _, p := range r.Packages {
		if p.Seconds >= 0.5 {
			fmt.Fprintf(table, "  %s\t%8.1f s\n", p.Name, p.Seconds)
		}
	}

	table.Flush()
}
