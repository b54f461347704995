package source

import (
	"fmt"
	"sync"
)

// State is what happens to a source.
type State string

// The states that an [Event] reports, in the order in which they may occur.
const (
	Cached      State = "cached"      // it was in the store
	Downloading State = "downloading" // bytes arrive; Done and Total tell how many
	Retrying    State = "retrying"    // Err happened at URL; the same place is tried again
	Failed      State = "failed"      // Err happened at URL; the next place is tried, if there is one
	Stored      State = "stored"      // complete and in the store
)

// Event is a step in the fetching of one source.
type Event struct {
	Source Source
	State  State
	URL    string // the place it comes from, without credentials
	Done   int64  // bytes so far
	Total  int64  // bytes in all; -1 when the server does not say
	Err    error
}

// String is one line for a log.
func (e Event) String() string {
	name := e.Source.label()

	switch e.State {
	case Cached:
		return fmt.Sprintf("%s: in the store", name)
	case Retrying:
		return fmt.Sprintf("%s: %v; trying again", name, e.Err)
	case Failed:
		return fmt.Sprintf("%s: %v", name, e.Err)
	case Stored:
		return fmt.Sprintf("%s: fetched %d bytes from %s", name, e.Done, e.URL)
	default:
		return fmt.Sprintf("%s: %d of %d bytes from %s", name, e.Done, e.Total, e.URL)
	}
}

// reporter passes events on, one at a time.
type reporter struct {
	mu   sync.Mutex
	call func(Event)
}

func (r *reporter) report(e Event) {
	if r.call == nil {
		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	r.call(e)
}
