package forge

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"

	"github.com/akmon-os/akmon/forge/buildlog"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/timings"
)

// watch follows the solves of a build: it shows them, keeps the logs of
// targets, and remembers the steps for the timings.
type watch struct {
	options *Options
	started time.Time
	display *pump
	targets map[string]*watched
	// attach goes with every solve.
	attach []session.Attachable

	mu     sync.Mutex
	solves []*solve
}

// watched is what is kept of a target.
type watched struct {
	needs    map[string]bool // names of packages
	log      *buildlog.Writer
	executed int
}

// solve follows one solve.
type solve struct {
	watch    *watch
	recorder progress.Recorder
	logs     []*buildlog.Writer
	request  engine.Request
}

func (o *Options) watch(started time.Time) (*watch, error) {
	w := &watch{options: o, started: started, targets: map[string]*watched{}}

	if o.Log != nil {
		display, err := progress.NewDisplay(o.Log, o.Progress)
		if err != nil {
			return nil, err
		}

		w.display = newPump(display)
	}

	return w, nil
}

// follow begins the logs of the targets. A log that can't be kept is told and
// stops nothing.
func (w *watch) follow(targets []*target) {
	dir, dirErr := buildlog.Dir(w.options.Dir)

	for _, t := range targets {
		kept := &watched{needs: map[string]bool{}}
		w.targets[t.name] = kept

		for _, g := range t.graphs {
			for _, n := range g.Closure(t.name) {
				kept.needs[n.Name] = true
			}
		}

		err := dirErr
		if err == nil {
			kept.log, err = buildlog.Create(dir, t.name, w.started)
		}

		if err != nil {
			w.options.logf("no log of %s is kept: %v", t.name, err)
		}
	}
}

// target follows the solve of a target.
func (w *watch) target(name string, request engine.Request) *solve {
	s := &solve{watch: w, request: request}
	if log := w.targets[name].log; log != nil {
		s.logs = append(s.logs, log)
	}

	w.add(s)

	return s
}

// part follows the solve of a package by itself, on behalf of the targets that
// need it.
func (w *watch) part(name string, request engine.Request) *solve {
	s := &solve{watch: w, request: request}

	for _, t := range w.targets {
		if t.needs[name] && t.log != nil {
			s.logs = append(s.logs, t.log)
		}
	}

	w.add(s)

	return s
}

// needing are the targets that need a package.
func (w *watch) needing(name string) []string {
	var names []string

	for target, t := range w.targets {
		if t.needs[name] {
			names = append(names, target)
		}
	}

	slices.Sort(names)

	return names
}

func (w *watch) add(s *solve) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.solves = append(w.solves, s)
}

// Update implements progress.Sink.
func (s *solve) Update(status *client.SolveStatus) {
	s.recorder.Update(status)

	if s.watch.display != nil {
		s.watch.display.Update(status)
	}

	for _, log := range s.logs {
		log.Update(status)
	}
}

// ran notes that steps were executed for a package.
func (w *watch) ran(name string, result *engine.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, t := range w.targets {
		if t.needs[name] {
			t.executed += result.Executed
		}
	}
}

// done ends the logs of a build that failed with err, or did not, and returns
// err.
func (w *watch) done(err error) error {
	for _, t := range w.targets {
		if t.log == nil {
			continue
		}

		if err := t.log.Close(t.executed > 0, err); err != nil {
			w.options.logf("%v", err)
		}
	}

	return err
}

// close ends the display.
func (w *watch) close() {
	if w.display != nil {
		w.display.close()
	}
}

// steps are all steps of all solves.
func (w *watch) steps() []progress.Step {
	w.mu.Lock()
	defer w.mu.Unlock()

	var steps []progress.Step
	for _, s := range w.solves {
		own := s.recorder.Steps()
		s.request.MarkInputs(own)
		steps = append(steps, own...)
	}

	return steps
}

// timings writes the timings of the build, be it that it failed.
func (w *watch) timings(names []string, failure error) error {
	if len(w.options.Timings) == 0 {
		return nil
	}

	report := timings.New(w.steps(), names, w.started, time.Now(), failure)

	var errs []error

	for _, path := range w.options.Timings {
		var (
			text strings.Builder
			err  error
		)

		if filepath.Ext(path) == ".json" {
			err = report.WriteJSON(&text)
		} else {
			err = report.WriteHTML(&text)
		}

		if err == nil {
			err = writeFile(path, []byte(text.String()), 0o644)
		}

		if err != nil {
			errs = append(errs, fmt.Errorf("write the timings: %w", err))
		}
	}

	return errors.Join(errs...)
}

// Log finds the log of the last build of a target, of the tree in dir.
func Log(dir, target string) (*buildlog.Log, error) {
	logs, err := buildlog.Dir(dir)
	if err != nil {
		return nil, err
	}

	return buildlog.Find(logs, target)
}
