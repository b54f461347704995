// Package supervisor runs the services of a machine: in the order of their
// dependencies, again when they fail, and down in the reverse order at the end.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
)

// Service is one thing that should run.
type Service interface {
	// ID is the service's name in the API, and the name of its log.
	ID() string
	// DependsOn names the services that must run before.
	DependsOn() []string
	// Prepare waits until the service may start; its error is tried again.
	// waiting says in words what is missing, each time that it changes.
	Prepare(ctx context.Context, waiting func(reason string)) error
	// Run runs the service until ctx ends, when it returns nil. It calls started
	// with the process, or with 0 when the service has none of its own.
	Run(ctx context.Context, log io.Writer, started func(pid int)) error
}

// Checker is a service with a health check, which is called again and again
// while the service runs.
type Checker interface {
	Healthy(ctx context.Context) error
}

// Options configure a Supervisor.
type Options struct {
	Logs   *logbuf.Set
	Events *events.Stream
	Logger *zap.Logger
	// Changed is called, without locks held, after a service changed.
	Changed func(Status)
	// Backoff is the pause before the n-th start in a row that failed at once;
	// nil means 1 s doubling to 30 s.
	Backoff func(n int) time.Duration
	// HealthInterval is the pause between health checks; 0 means 5 s.
	HealthInterval time.Duration
}

// steady is how long a service must have run for its failures to be forgotten.
const steady = time.Minute

func defaultBackoff(n int) time.Duration {
	return min(time.Second<<min(n-1, 10), 30*time.Second)
}

// Supervisor runs services. It is safe for concurrent use.
type Supervisor struct {
	opts Options

	mu      sync.Mutex
	units   map[string]*unit
	order   []string // as added: dependencies come first
	changed chan struct{}
	closed  bool
}

// New makes a supervisor without services.
func New(opts Options) *Supervisor {
	if opts.Backoff == nil {
		opts.Backoff = defaultBackoff
	}

	if opts.HealthInterval == 0 {
		opts.HealthInterval = 5 * time.Second
	}

	if opts.Changed == nil {
		opts.Changed = func(Status) {}
	}

	return &Supervisor{opts: opts, units: map[string]*unit{}, changed: make(chan struct{})}
}

// Errors of calls that name a service.
var (
	ErrUnknown = errors.New("no such service")
	ErrExists  = errors.New("service exists already")
	ErrClosed  = errors.New("the machine is going down")
)

// Add makes a service known and starts it; the services that it depends on must
// have been added before.
func (s *Supervisor) Add(svc Service) error {
	s.mu.Lock()

	if s.closed {
		s.mu.Unlock()

		return ErrClosed
	}

	if _, ok := s.units[svc.ID()]; ok {
		s.mu.Unlock()

		return fmt.Errorf("%w: %s", ErrExists, svc.ID())
	}

	for _, dep := range svc.DependsOn() {
		if _, ok := s.units[dep]; !ok {
			s.mu.Unlock()

			return fmt.Errorf("service %s depends on %s: %w", svc.ID(), dep, ErrUnknown)
		}
	}

	u := &unit{svc: svc, sup: s, status: Status{ID: svc.ID(), HealthUnknown: true}}
	s.units[svc.ID()] = u
	s.order = append(s.order, svc.ID())
	s.mu.Unlock()

	u.set(Initialized, "Service has been added")
	u.start()

	return nil
}

// Start starts a service that was stopped; one that runs is left alone.
func (s *Supervisor) Start(id string) error {
	u, err := s.find(id)
	if err != nil {
		return err
	}

	u.start()

	return nil
}

// Stop stops a service and waits for its end.
func (s *Supervisor) Stop(ctx context.Context, id string) error {
	u, err := s.find(id)
	if err != nil {
		return err
	}

	return u.stop(ctx)
}

// Restart stops and starts a service.
func (s *Supervisor) Restart(ctx context.Context, id string) error {
	if err := s.Stop(ctx, id); err != nil {
		return err
	}

	return s.Start(id)
}

// Shutdown stops every service in the reverse order of their dependencies; none
// can be added afterwards. It returns early when ctx ends.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	order := slices.Clone(s.order)
	s.mu.Unlock()

	slices.Reverse(order)

	var errs []error

	for _, id := range order {
		if err := s.Stop(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}

	return errors.Join(errs...)
}

func (s *Supervisor) find(id string) (*unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	u, ok := s.units[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, id)
	}

	return u, nil
}

// List returns the state of every service, sorted by ID.
func (s *Supervisor) List() []Status {
	s.mu.Lock()
	units := make([]*unit, 0, len(s.units))

	for _, u := range s.units {
		units = append(units, u)
	}
	s.mu.Unlock()

	out := make([]Status, 0, len(units))
	for _, u := range units {
		out = append(out, u.get())
	}

	slices.SortFunc(out, func(a, b Status) int {
		if a.ID < b.ID {
			return -1
		}

		return 1
	})

	return out
}

// WaitFor waits until a service is in the state.
func (s *Supervisor) WaitFor(ctx context.Context, id string, state State) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()

		u, err := s.find(id)
		if err != nil {
			return err
		}

		if u.get().State == state {
			return nil
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for service %s to be %s: %w", id, state, ctx.Err())
		case <-changed:
		}
	}
}

func (s *Supervisor) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()

	close(s.changed)
	s.changed = make(chan struct{})
}

// guard turns a panic of a service into its failure.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()

	return fn()
}

// State is where a service is in its life; the words are the documented ones.
type State string

// States of a service.
const (
	Initialized State = "Initialized"
	Preparing   State = "Preparing"
	Waiting     State = "Waiting"
	Starting    State = "Starting"
	Running     State = "Running"
	Stopping    State = "Stopping"
	Finished    State = "Finished"
	Failed      State = "Failed"
)

var actions = map[State]machine.ServiceStateEvent_Action{
	Initialized: machine.ServiceStateEvent_INITIALIZED,
	Preparing:   machine.ServiceStateEvent_PREPARING,
	Waiting:     machine.ServiceStateEvent_WAITING,
	Starting:    machine.ServiceStateEvent_STARTING,
	Running:     machine.ServiceStateEvent_RUNNING,
	Stopping:    machine.ServiceStateEvent_STOPPING,
	Finished:    machine.ServiceStateEvent_FINISHED,
	Failed:      machine.ServiceStateEvent_FAILED,
}
