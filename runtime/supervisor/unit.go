package supervisor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// maxEvents is how many events of a service are kept.
const maxEvents = 32

// Event is a change of a service.
type Event struct {
	Time    time.Time
	State   State
	Message string
}

// Status is the state of a service at one moment.
type Status struct {
	ID    string
	State State
	// PID is 0 while there is no process.
	PID int
	// Healthy means nothing while HealthUnknown.
	Healthy, HealthUnknown bool
	HealthMessage          string
	HealthChanged          time.Time
	Events                 []Event
}

// Proto is the status on the wire.
func (s Status) Proto() *machine.ServiceInfo {
	info := &machine.ServiceInfo{
		Id:     s.ID,
		State:  string(s.State),
		Events: &machine.ServiceEvents{},
		Health: &machine.ServiceHealth{Unknown: s.HealthUnknown, Healthy: s.Healthy, LastMessage: s.HealthMessage},
	}

	if !s.HealthChanged.IsZero() {
		info.Health.LastChange = timestamppb.New(s.HealthChanged)
	}

	for _, e := range s.Events {
		info.Events.Events = append(info.Events.Events,
			&machine.ServiceEvent{Msg: e.Message, State: string(e.State), Ts: timestamppb.New(e.Time)})
	}

	return info
}

// unit is a service and the goroutine that keeps it running.
type unit struct {
	svc Service
	sup *Supervisor

	mu     sync.Mutex
	status Status
	cancel context.CancelFunc // nil while stopped
	done   chan struct{}
}

func (u *unit) get() Status {
	u.mu.Lock()
	defer u.mu.Unlock()

	st := u.status
	st.Events = slices.Clone(st.Events)

	return st
}

func (u *unit) set(state State, format string, args ...any) {
	now := time.Now()
	msg := fmt.Sprintf(format, args...)

	u.mu.Lock()
	u.status.State = state

	if state != Running && state != Stopping {
		u.status.PID = 0
		u.status.Healthy, u.status.HealthUnknown, u.status.HealthMessage = false, true, ""
	}

	u.status.Events = append(u.status.Events, Event{now, state, msg})
	if over := len(u.status.Events) - maxEvents; over > 0 {
		u.status.Events = slices.Delete(u.status.Events, 0, over)
	}
	u.mu.Unlock()

	if u.sup.opts.Logger != nil {
		u.sup.opts.Logger.Info("service", zap.String("service", u.svc.ID()), zap.String("state", string(state)), zap.String("message", msg))
	}

	u.publish(state, msg)
}

func (u *unit) publish(state State, msg string) {
	st := u.get()

	if u.sup.opts.Events != nil {
		u.sup.opts.Events.Publish(context.Background(), &machine.ServiceStateEvent{
			Service: st.ID, Action: actions[state], Message: msg,
			Health: &machine.ServiceHealth{Unknown: st.HealthUnknown, Healthy: st.Healthy, LastMessage: st.HealthMessage},
		})
	}

	u.sup.opts.Changed(st)
	u.sup.notify()
}

func (u *unit) setHealth(err error) {
	healthy, msg := err == nil, ""
	if err != nil {
		msg = err.Error()
	}

	u.mu.Lock()

	if u.status.State != Running || !u.status.HealthUnknown && u.status.Healthy == healthy && u.status.HealthMessage == msg {
		u.mu.Unlock()

		return
	}

	u.status.Healthy, u.status.HealthUnknown, u.status.HealthMessage = healthy, false, msg
	u.status.HealthChanged = time.Now()
	u.mu.Unlock()

	if healthy {
		u.publish(Running, "Health check successful")
	} else {
		u.publish(Running, "Health check failed: "+msg)
	}
}

func (u *unit) start() {
	u.mu.Lock()
	defer u.mu.Unlock()

	if u.cancel != nil {
		return
	}

	ctx, cancel := context.WithCancel(context.Background())
	u.cancel, u.done = cancel, make(chan struct{})

	go func(done chan struct{}) {
		defer close(done)

		u.keepRunning(ctx)
	}(u.done)
}

func (u *unit) stop(ctx context.Context) error {
	u.mu.Lock()
	cancel, done, running := u.cancel, u.done, u.status.State == Running
	u.mu.Unlock()

	if cancel == nil {
		return nil
	}

	if running {
		u.set(Stopping, "Stopping the service")
	}

	cancel()

	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("stop service %s: %w", u.svc.ID(), ctx.Err())
	}

	u.mu.Lock()
	u.cancel = nil
	u.mu.Unlock()

	return nil
}

func (u *unit) keepRunning(ctx context.Context) {
	for failures := 0; ; {
		began := time.Now()
		err := u.runOnce(ctx)

		if ctx.Err() != nil {
			u.set(Finished, "Service finished successfully")

			return
		}

		if err == nil {
			err = fmt.Errorf("it ended by itself")
		}

		if time.Since(began) > steady {
			failures = 0
		}

		failures++

		pause := u.sup.opts.Backoff(failures)
		u.set(Failed, "Service failed, starting again in %s: %v", pause, err)

		select {
		case <-ctx.Done():
			u.set(Finished, "Service finished successfully")

			return
		case <-time.After(pause):
		}
	}
}

func (u *unit) runOnce(ctx context.Context) error {
	for _, dep := range u.svc.DependsOn() {
		u.set(Waiting, "Waiting for service %q to be up", dep)

		if err := u.sup.WaitFor(ctx, dep, Running); err != nil {
			return err
		}
	}

	u.set(Preparing, "Preparing the service")

	waiting := func(reason string) { u.set(Waiting, "Waiting for %s", reason) }
	if err := guard(func() error { return u.svc.Prepare(ctx, waiting) }); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	u.set(Starting, "Starting the service")

	runCtx, cancel := context.WithCancel(ctx)

	var wg sync.WaitGroup

	defer wg.Wait()
	defer cancel()

	return guard(func() error {
		return u.svc.Run(runCtx, u.sup.opts.Logs.Get(u.svc.ID()), func(pid int) {
			u.mu.Lock()
			u.status.PID = pid
			u.mu.Unlock()

			if pid != 0 {
				u.set(Running, "Started with PID %d", pid)
			} else {
				u.set(Running, "Service is running")
			}

			if check, ok := u.svc.(Checker); ok {
				wg.Go(func() { u.checkHealth(runCtx, check) })
			}
		})
	})
}

func (u *unit) checkHealth(ctx context.Context, check Checker) {
	ticker := time.NewTicker(u.sup.opts.HealthInterval)
	defer ticker.Stop()

	// The first checks come quickly: a service is mostly up in a moment.
	for i := 0; ; i++ {
		err := guard(func() error { return check.Healthy(ctx) })
		if ctx.Err() != nil {
			return
		}

		u.setHealth(err)

		wait := ticker.C
		if err != nil && i < 20 {
			wait = time.After(min(u.sup.opts.HealthInterval, 250*time.Millisecond))
		}

		select {
		case <-ctx.Done():
			return
		case <-wait:
		}
	}
}
