package progress

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// EventType is what happened.
type EventType string

const (
	// EventStarted says that a step began to run.
	EventStarted EventType = "started"
	// EventCached says that an earlier result serves: the step did not run.
	EventCached EventType = "cached"
	// EventCompleted says that a step ended well.
	EventCompleted EventType = "completed"
	// EventFailed says that a step ended in an error, or was cancelled.
	EventFailed EventType = "failed"
	// EventOutput carries what a step printed.
	EventOutput EventType = "output"
	// EventTransfer says that bytes were moved or layers written on behalf of a step.
	EventTransfer EventType = "transfer"
	// EventWarning carries a warning of the builder about a step.
	EventWarning EventType = "warning"
)

// Event is one line of `--progress json`. Fields that don't concern its type
// are absent.
type Event struct {
	Type EventType `json:"type"`
	// Time is when it happened, by the builder's clock, RFC 3339.
	Time time.Time `json:"time"`
	// Step is the digest of the vertex: the same for all events of a step.
	Step string `json:"step"`
	// Name is the step's name, and Package the package that it belongs to.
	Name    string `json:"name,omitempty"`
	Package string `json:"package,omitempty"`
	// Seconds is how long the step took: completed and failed.
	Seconds float64 `json:"seconds,omitempty"`
	// Error is the builder's message: failed.
	Error string `json:"error,omitempty"`
	// Stream is 1 for standard output and 2 for standard error, Data what
	// was printed, with its line breaks: output.
	Stream int    `json:"stream,omitempty"`
	Data   string `json:"data,omitempty"`
	// What is being moved, and how many bytes of how many: transfer. Total is
	// absent where it isn't known. Done says that it is finished.
	What    string `json:"what,omitempty"`
	Current int64  `json:"current,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Done    bool   `json:"done,omitempty"`
	// Message is the text of a warning.
	Message string `json:"message,omitempty"`
}

// Events writes one JSON event per line. It is safe for concurrent use.
type Events struct {
	mu    sync.Mutex
	enc   *json.Encoder
	names map[digest.Digest]string
	last  map[digest.Digest]EventType
}

// NewEvents writes events to w.
func NewEvents(w io.Writer) *Events {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)

	return &Events{enc: enc, names: map[digest.Digest]string{}, last: map[digest.Digest]EventType{}}
}

// Update writes what one report of the builder says.
func (e *Events) Update(status *client.SolveStatus) {
	e.mu.Lock()
	defer e.mu.Unlock()

	for _, v := range status.Vertexes {
		e.names[v.Digest] = v.Name
		e.vertex(v)
	}

	for _, s := range status.Statuses {
		e.write(s.Vertex, Event{Type: EventTransfer, Time: s.Timestamp, What: s.ID, Current: s.Current, Total: s.Total, Done: s.Completed != nil})
	}

	for _, l := range status.Logs {
		e.write(l.Vertex, Event{Type: EventOutput, Time: l.Timestamp, Stream: l.Stream, Data: string(l.Data)})
	}

	for _, w := range status.Warnings {
		e.write(w.Vertex, Event{Type: EventWarning, Time: time.Now().UTC(), Message: string(w.Short)})
	}
}

// vertex reports a change of state. The builder repeats itself: a state that
// was told already is not told again.
func (e *Events) vertex(v *client.Vertex) {
	event := Event{}

	switch {
	case v.Completed != nil && v.Error != "":
		event = Event{Type: EventFailed, Time: *v.Completed, Error: v.Error}
	case v.Cached:
		event = Event{Type: EventCached}
		if v.Completed != nil {
			event.Time = *v.Completed
		}
	case v.Completed != nil:
		event = Event{Type: EventCompleted, Time: *v.Completed}
	case v.Started != nil:
		event = Event{Type: EventStarted, Time: *v.Started}
	default:
		return
	}

	if e.last[v.Digest] == event.Type {
		return
	}

	e.last[v.Digest] = event.Type

	if v.Started != nil && v.Completed != nil && event.Type != EventCached {
		event.Seconds = v.Completed.Sub(*v.Started).Seconds()
	}

	e.write(v.Digest, event)
}

func (e *Events) write(vertex digest.Digest, event Event) {
	event.Step = vertex.String()
	event.Name = e.names[vertex]
	event.Package = PackageOf(event.Name)

	if event.Time.IsZero() {
		event.Time = time.Now()
	}

	event.Time = event.Time.UTC()

	// Whoever reads the events may go away; the build goes on.
	_ = e.enc.Encode(event)
}
