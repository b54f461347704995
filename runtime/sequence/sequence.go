// Package sequence runs what a machine does in order (boot, reboot, shutdown) as
// named phases of named tasks, each of which can be seen in the event stream.
package sequence

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
)

// Task is one step.
type Task struct {
	Name string
	Run  func(context.Context) error
}

// Phase is a set of tasks that run at once.
type Phase struct {
	Name  string
	Tasks []Task
	// Optional phases may fail: their errors are logged and the sequence goes on.
	Optional bool
}

// Runner runs sequences.
type Runner struct {
	Events *events.Stream
	Logger *zap.Logger
}

// Run runs the phases in order and stops at the first that fails.
func (r Runner) Run(ctx context.Context, name string, phases []Phase) error {
	began := time.Now()
	r.sequence(ctx, name, machine.SequenceEvent_START, nil)

	for i, p := range phases {
		if err := r.phase(ctx, name, p, i+1, len(phases)); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			r.Logger.Error("sequence failed", zap.String("sequence", name), zap.Error(err))
			r.sequence(ctx, name, machine.SequenceEvent_NOOP, err)

			return err
		}
	}

	r.Logger.Info("sequence done", zap.String("sequence", name), zap.Duration("took", time.Since(began)))
	r.sequence(ctx, name, machine.SequenceEvent_STOP, nil)

	return nil
}

func (r Runner) sequence(ctx context.Context, name string, action machine.SequenceEvent_Action, err error) {
	ev := &machine.SequenceEvent{Sequence: name, Action: action}
	if err != nil {
		ev.Error = &common.Error{Code: common.Code_FATAL, Message: err.Error()}
	}

	r.Events.Publish(ctx, ev)
}

func (r Runner) phase(ctx context.Context, seq string, p Phase, number, total int) error {
	label := fmt.Sprintf("%s %d/%d", p.Name, number, total)
	r.Logger.Info("phase", zap.String("sequence", seq), zap.String("phase", label))
	r.Events.Publish(ctx, &machine.PhaseEvent{Phase: p.Name, Action: machine.PhaseEvent_START})

	errs := make([]error, len(p.Tasks))

	var wg sync.WaitGroup

	for i, t := range p.Tasks {
		wg.Go(func() {
			r.Events.Publish(ctx, &machine.TaskEvent{Task: t.Name, Action: machine.TaskEvent_START})

			if err := run(ctx, t); err != nil {
				errs[i] = fmt.Errorf("task %s: %w", t.Name, err)
			}

			r.Events.Publish(ctx, &machine.TaskEvent{Task: t.Name, Action: machine.TaskEvent_STOP})
		})
	}

	wg.Wait()
	r.Events.Publish(ctx, &machine.PhaseEvent{Phase: p.Name, Action: machine.PhaseEvent_STOP})

	if err := errors.Join(errs...); err != nil {
		if p.Optional {
			r.Logger.Error("phase failed, going on", zap.String("sequence", seq), zap.String("phase", label), zap.Error(err))

			return nil
		}

		return fmt.Errorf("phase %s: %w", p.Name, err)
	}

	return nil
}

func run(ctx context.Context, t Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()

	return t.Run(ctx)
}
