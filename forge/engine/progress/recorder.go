// Package progress follows the steps of a build: it records when each step
// ran, whether the cache served it and what it last printed, and shows all of
// that on a terminal, as plain lines or as JSON events.
//
// A step is one vertex of the build graph. Its name may begin with the name of
// the package that it belongs to, in brackets: "[musl] build 2/3: make".
package progress

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// TailLines is how many of the last lines of a step's output are kept.
const TailLines = 30

// tailBytes bounds one kept line, as a step may print megabytes without a
// line break.
const tailBytes = 4096

// Step is what is known about one vertex of the graph.
type Step struct {
	// Digest identifies the vertex.
	Digest string `json:"digest"`
	// Name is what the graph calls it.
	Name string `json:"name"`
	// Package is the name in brackets at the start of Name, or empty.
	Package string `json:"package,omitempty"`
	// Inputs are the digests of the steps whose results it takes.
	Inputs []string `json:"inputs,omitempty"`
	// Input says that it is an input of the build, which is looked at in every
	// build and runs nothing. A Recorder does not know: see
	// engine.Request.MarkInputs.
	Input bool `json:"input,omitempty"`
	// Started and Completed are nil until the step did. Both are the
	// builder's clock.
	Started   *time.Time `json:"started,omitempty"`
	Completed *time.Time `json:"completed,omitempty"`
	// Cached says that an earlier result served.
	Cached bool `json:"cached,omitempty"`
	// Error is the failure in the builder's words.
	Error string `json:"error,omitempty"`
}

// Duration is how long the step ran, 0 if it did not complete.
func (s Step) Duration() time.Duration {
	if s.Started == nil || s.Completed == nil {
		return 0
	}

	return s.Completed.Sub(*s.Started)
}

// PackageOf returns the package name that a step's name begins with.
func PackageOf(name string) string {
	if !strings.HasPrefix(name, "[") {
		return ""
	}

	pkg, _, ok := strings.Cut(name[1:], "]")
	if !ok {
		return ""
	}

	return pkg
}

// Recorder gathers the steps of one solve. It is safe for concurrent use. The
// zero value is ready.
type Recorder struct {
	mu    sync.Mutex
	order []digest.Digest
	steps map[digest.Digest]*record
}

type record struct {
	Step
	tail tail
}

// Update takes one report of the builder.
func (r *Recorder) Update(status *client.SolveStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, v := range status.Vertexes {
		rec := r.get(v.Digest)
		rec.Name = v.Name
		rec.Package = PackageOf(v.Name)
		// What was found in a cache may be fetched from there, which the builder
		// reports as if the step ran.
		rec.Cached = rec.Cached || v.Cached
		rec.Error = v.Error
		rec.Completed = v.Completed

		if rec.Inputs == nil {
			for _, in := range v.Inputs {
				rec.Inputs = append(rec.Inputs, in.String())
			}
		}

		// A vertex may start more than once (first to look for its cache
		// key, then to run): the first start is when work on it began.
		if rec.Started == nil {
			rec.Started = v.Started
		}
	}

	for _, l := range status.Logs {
		r.get(l.Vertex).tail.write(l.Data)
	}
}

func (r *Recorder) get(d digest.Digest) *record {
	if r.steps == nil {
		r.steps = map[digest.Digest]*record{}
	}

	rec, ok := r.steps[d]
	if !ok {
		rec = &record{Step: Step{Digest: d.String()}}
		r.steps[d] = rec
		r.order = append(r.order, d)
	}

	return rec
}

// Steps returns what is known now, in the order in which steps were first
// seen.
func (r *Recorder) Steps() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()

	steps := make([]Step, 0, len(r.order))
	for _, d := range r.order {
		steps = append(steps, r.steps[d].Step)
	}

	return steps
}

// Step returns one step and the last lines that it printed.
func (r *Recorder) Step(d digest.Digest) (step Step, output []string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()

	rec, ok := r.steps[d]
	if !ok {
		return Step{}, nil, false
	}

	return rec.Step, rec.tail.lines(), true
}

// Failed returns the digests of the steps that ended in an error, in order.
func (r *Recorder) Failed() []digest.Digest {
	r.mu.Lock()
	defer r.mu.Unlock()

	var failed []digest.Digest

	for _, d := range r.order {
		if r.steps[d].Error != "" {
			failed = append(failed, d)
		}
	}

	return failed
}

// tail keeps the last lines of a stream.
type tail struct {
	full    []string
	partial []byte
}

func (t *tail) write(data []byte) {
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if room := tailBytes - len(t.partial); room > 0 {
			t.partial = append(t.partial, line[:min(room, len(line))]...)
		}

		data = rest

		if !found {
			return
		}

		t.full = append(t.full, cleanLine(t.partial))
		t.partial = t.partial[:0]

		if len(t.full) > 4*TailLines {
			t.full = slices.Clone(t.full[len(t.full)-TailLines:])
		}
	}
}

func (t *tail) lines() []string {
	lines := slices.Clone(t.full)
	if len(t.partial) > 0 {
		lines = append(lines, cleanLine(t.partial))
	}

	return lines[max(0, len(lines)-TailLines):]
}

// cleanLine drops what a carriage return would have overwritten and the
// control characters that could upset a terminal.
func cleanLine(line []byte) string {
	text := strings.TrimRight(string(line), "\r")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		text = text[i+1:]
	}

	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7f) {
			return -1
		}

		return r
	}, strings.ToValidUTF8(text, "?"))
}
