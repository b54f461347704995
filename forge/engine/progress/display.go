package progress

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

// Mode is how progress is shown.
type Mode string

const (
	// Auto is TTY on a terminal and Plain elsewhere.
	Auto Mode = "auto"
	// TTY redraws a live view; it needs a terminal.
	TTY Mode = "tty"
	// Plain prints lines.
	Plain Mode = "plain"
	// JSON prints one Event per line.
	JSON Mode = "json"
	// Quiet prints nothing.
	Quiet Mode = "quiet"
)

// Modes are all modes, in the order in which help texts name them.
var Modes = []Mode{Auto, TTY, Plain, JSON, Quiet}

// ParseMode reads the value of --progress.
func ParseMode(text string) (Mode, error) {
	if mode := Mode(text); slices.Contains(Modes, mode) {
		return mode, nil
	}

	names := make([]string, len(Modes))
	for i, m := range Modes {
		names[i] = string(m)
	}

	return "", fmt.Errorf("progress %q is not one of %s", text, strings.Join(names, ", "))
}

// Sink takes the reports of a builder. Update must not keep the report.
type Sink interface {
	Update(status *client.SolveStatus)
}

// Display shows the progress of one or more solves. Update may be called from
// several goroutines; Close ends the view and must be called once, after the
// last Update.
type Display struct {
	sink Sink

	mu     sync.Mutex
	closed bool
	ch     chan *client.SolveStatus
	done   chan struct{}
}

// NewDisplay shows progress on w in the given mode. TTY fails if w is not a
// terminal.
func NewDisplay(w io.Writer, mode Mode) (*Display, error) {
	var ui progressui.DisplayMode

	switch mode {
	case Quiet:
		return &Display{}, nil
	case JSON:
		return &Display{sink: NewEvents(w)}, nil
	case Auto, "":
		ui = progressui.AutoMode
	case TTY:
		ui = progressui.TtyMode
	case Plain:
		ui = progressui.PlainMode
	default:
		return nil, fmt.Errorf("progress %q is not known", mode)
	}

	view, err := progressui.NewDisplay(w, ui)
	if err != nil {
		return nil, fmt.Errorf("opening the progress view: %w", err)
	}

	d := &Display{ch: make(chan *client.SolveStatus), done: make(chan struct{})}

	go func() {
		defer close(d.done)
		// The view ends when the channel does: its last lines are wanted even
		// if the build was cancelled, so it gets a context of its own.
		_, _ = view.UpdateFrom(context.Background(), d.ch)
	}()

	return d, nil
}

// Update shows one report. After Close it does nothing.
func (d *Display) Update(status *client.SolveStatus) {
	if d.sink != nil {
		d.sink.Update(status)

		return
	}

	if d.ch == nil {
		return
	}

	d.mu.Lock()
	defer d.mu.Unlock()

	if !d.closed {
		d.ch <- status
	}
}

// Close prints what is left and gives the terminal back.
func (d *Display) Close() {
	if d.ch == nil {
		return
	}

	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.ch)
	}
	d.mu.Unlock()

	<-d.done
}
