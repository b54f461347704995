package forge

import (
	"sync"

	"github.com/moby/buildkit/client"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// pump hands reports to a display without ever waiting for it. BuildKit's
// client gives up on reports three seconds after a solve: a slow terminal would
// cost the log the end of a step's output.
type pump struct {
	display *progress.Display
	done    chan struct{}

	mu     sync.Mutex
	more   sync.Cond
	queue  []*client.SolveStatus
	closed bool
}

func newPump(display *progress.Display) *pump {
	p := &pump{display: display, done: make(chan struct{})}
	p.more.L = &p.mu

	go p.run()

	return p
}

func (p *pump) run() {
	defer close(p.done)

	for {
		p.mu.Lock()

		for len(p.queue) == 0 && !p.closed {
			p.more.Wait()
		}

		queue, closed := p.queue, p.closed
		p.queue = nil
		p.mu.Unlock()

		for _, status := range queue {
			p.display.Update(status)
		}

		if closed && len(queue) == 0 {
			return
		}
	}
}

// Update implements progress.Sink.
func (p *pump) Update(status *client.SolveStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.queue = append(p.queue, status)
	p.more.Signal()
}

// close shows what is left and ends the display.
func (p *pump) close() {
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()

	<-p.done

	p.display.Close()
}
