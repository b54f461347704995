// Package timings tells where the time of a build went: when each step ran,
// which chain of steps the build had to wait for, what each package cost, and
// what the cache saved. [Report.WriteHTML] makes a page of it that needs
// nothing else: no script, no font, no network.
package timings

import (
	"cmp"
	"slices"
	"time"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// Report is the timings of a build. Times are in seconds; those of steps count
// from the build's start.
type Report struct {
	// Targets are what was built.
	Targets []string `json:"targets"`
	// Started is when the build began, Seconds how long it took.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Error says why the build failed; empty if it did not.
	Error string `json:"error,omitempty"`
	// Executed and Cached count the steps that ran, and those that an earlier
	// result stood in for.
	Executed int `json:"executed"`
	Cached   int `json:"cached"`
	// Work is the sum of the times of all steps.
	Work float64 `json:"work"`
	// Critical is the longest chain of steps each of which needs the one
	// before: with any number of CPUs the build takes no less than
	// CriticalSeconds.
	Critical        []int     `json:"critical"`
	CriticalSeconds float64   `json:"criticalSeconds"`
	Packages        []Package `json:"packages"`
	Steps           []Step    `json:"steps"`
}

// Package is what the steps of one package cost.
type Package struct {
	Name string `json:"name"`
	// Start and End are when the first of its steps that ran began, and when
	// the last one ended.
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// Seconds is the sum of the times of its steps, Critical that of those on
	// the critical chain.
	Seconds  float64 `json:"seconds"`
	Critical float64 `json:"critical"`
	Executed int     `json:"executed"`
	Cached   int     `json:"cached"`
}

// Step is one step. Needs are indexes of Report.Steps.
type Step struct {
	Name    string  `json:"name"`
	Package string  `json:"package,omitempty"`
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	Cached  bool    `json:"cached,omitempty"`
	// Input: it reads an input of the build and runs nothing.
	Input    bool  `json:"input,omitempty"`
	Failed   bool  `json:"failed,omitempty"`
	Critical bool  `json:"critical,omitempty"`
	Needs    []int `json:"needs,omitempty"`
}

// End is when the step ended.
func (s Step) End() float64 { return s.Start + s.Seconds }

// New makes the report of a build. Steps that are given more than once, because
// several targets have them, are taken once. Steps that never started are left
// out.
func New(steps []progress.Step, targets []string, started, ended time.Time, failure error) *Report {
	r := &Report{Targets: targets, Started: started.UTC(), Seconds: ended.Sub(started).Seconds()}
	if failure != nil {
		r.Error = failure.Error()
	}

	r.add(unique(steps), started)
	r.chain()
	r.count()

	return r
}

// unique keeps one of the steps with the same digest, the one that ran rather
// than one that waited for it, in the order in which they began.
func unique(steps []progress.Step) []progress.Step {
	at := map[string]int{}

	var list []progress.Step

	for _, s := range steps {
		if s.Started == nil && !s.Cached {
			continue
		}

		i, known := at[s.Digest]

		switch {
		case !known:
			at[s.Digest] = len(list)
			list = append(list, s)
		case s.Duration() > list[i].Duration():
			list[i] = s
		}
	}

	slices.SortStableFunc(list, func(a, b progress.Step) int { return began(a).Compare(began(b)) })

	return list
}

func began(s progress.Step) time.Time {
	if s.Started == nil {
		return time.Time{}
	}

	return *s.Started
}

func (r *Report) add(steps []progress.Step, started time.Time) {
	index := map[string]int{}
	for i, s := range steps {
		index[s.Digest] = i
	}

	for _, s := range steps {
		one := Step{Name: s.Name, Package: s.Package, Cached: s.Cached, Input: s.Input, Failed: s.Error != ""}

		// Looking up a cached result takes time too, but is no work.
		if s.Started != nil {
			one.Start = max(0, s.Started.Sub(started).Seconds())
		}

		if !s.Cached {
			one.Seconds = s.Duration().Seconds()
		}

		for _, in := range s.Inputs {
			if i, ok := index[in]; ok {
				one.Needs = append(one.Needs, i)
			}
		}

		r.Steps = append(r.Steps, one)
	}
}

// chain finds the longest chain of steps.
func (r *Report) chain() {
	total, next := make([]float64, len(r.Steps)), make([]int, len(r.Steps))
	state := make([]int8, len(r.Steps)) // 1: being looked at, 2: done

	var visit func(i int) float64

	visit = func(i int) float64 {
		if state[i] != 0 {
			return total[i]
		}

		state[i], next[i] = 1, -1

		for _, need := range r.Steps[i].Needs {
			if before := visit(need); before > 0 && (next[i] < 0 || before > total[next[i]]) {
				next[i] = need
			}
		}

		total[i] = r.Steps[i].Seconds
		if next[i] >= 0 {
			total[i] += total[next[i]]
		}

		state[i] = 2

		return total[i]
	}

	last := -1

	for i := range r.Steps {
		if visit(i) > 0 && (last < 0 || total[i] > total[last]) {
			last = i
		}
	}

	r.Critical = []int{}

	if last >= 0 {
		r.CriticalSeconds = total[last]
	}

	for i := last; i >= 0; i = next[i] {
		if r.Steps[i].Seconds > 0 {
			r.Steps[i].Critical = true
			r.Critical = append(r.Critical, i)
		}
	}

	slices.Reverse(r.Critical)
}

// count adds up packages.
func (r *Report) count() {
	packages := map[string]*Package{}

	for _, s := range r.Steps {
		r.Work += s.Seconds

		if s.Package == "" {
			continue
		}

		p := packages[s.Package]
		if p == nil {
			p = &Package{Name: s.Package, Start: -1}
			packages[s.Package] = p
		}

		if s.Cached {
			p.Cached++
			r.Cached++

			continue
		}

		if !s.Input {
			p.Executed++
			r.Executed++
		}

		p.Seconds += s.Seconds
		p.End = max(p.End, s.End())

		if p.Start < 0 || s.Start < p.Start {
			p.Start = s.Start
		}

		if s.Critical {
			p.Critical += s.Seconds
		}
	}

	for _, p := range packages {
		p.Start = max(p.Start, 0)
		r.Packages = append(r.Packages, *p)
	}

	slices.SortFunc(r.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
}
