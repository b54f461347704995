package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/supervisor"
)

// fake is a service that does what its functions say.
type fake struct {
	id      string
	deps    []string
	prepare func(context.Context, func(string)) error
	run     func(context.Context, io.Writer) error
	healthy func() error
}

func (f *fake) ID() string          { return f.id }
func (f *fake) DependsOn() []string { return f.deps }

func (f *fake) Prepare(ctx context.Context, waiting func(string)) error {
	if f.prepare == nil {
		return nil
	}

	return f.prepare(ctx, waiting)
}

func (f *fake) Run(ctx context.Context, log io.Writer, started func(int)) error {
	started(0)

	if f.run == nil {
		<-ctx.Done()

		return nil
	}

	return f.run(ctx, log)
}

type checked struct{ *fake }

func (c checked) Healthy(context.Context) error { return c.healthy() }

func newSupervisor(changed func(supervisor.Status)) (*supervisor.Supervisor, *logbuf.Set) {
	logs := logbuf.NewSet(4096)

	return supervisor.New(supervisor.Options{
		Logs: logs, Events: events.NewStream(), Changed: changed,
		Backoff:        func(int) time.Duration { return 0 },
		HealthInterval: time.Millisecond,
	}), logs
}

func TestRestart(t *testing.T) {
	s, logs := newSupervisor(nil)
	runs := 0
	steady := make(chan struct{})

	err := s.Add(&fake{id: "svc", run: func(ctx context.Context, log io.Writer) error {
		runs++
		fmt.Fprintln(log, "run", runs) //nolint:errcheck

		switch runs {
		case 1:
			return errors.New("broken")
		case 2:
			panic("worse")
		case 3:
			return nil // ended by itself
		}

		close(steady)
		<-ctx.Done()

		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}

	<-steady

	if err = s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	st := s.List()[0]
	if st.State != supervisor.Finished {
		t.Errorf("state %s", st.State)
	}

	failed := 0

	for _, e := range st.Events {
		if e.State == supervisor.Failed {
			failed++
		}
	}

	if failed != 3 {
		t.Errorf("%d failures in %+v", failed, st.Events)
	}

	data, err := io.ReadAll(logs.Get("svc").Reader(t.Context(), logbuf.ReadOptions{TailLines: -1}))
	if err != nil || string(data) != "run 1\nrun 2\nrun 3\nrun 4\n" {
		t.Errorf("log %q, %v", data, err)
	}

	if err = s.Add(&fake{id: "late"}); !errors.Is(err, supervisor.ErrClosed) {
		t.Errorf("a service was added while going down: %v", err)
	}
}

func TestOrder(t *testing.T) {
	var (
		mu  sync.Mutex
		log []string
	)

	s, _ := newSupervisor(func(st supervisor.Status) {
		if st.State == supervisor.Running || st.State == supervisor.Finished {
			mu.Lock()
			defer mu.Unlock()

			log = append(log, st.ID+" "+string(st.State))
		}
	})

	for _, f := range []*fake{{id: "a"}, {id: "b", deps: []string{"a"}}, {id: "c", deps: []string{"b"}}} {
		if err := s.Add(f); err != nil {
			t.Fatal(err)
		}
	}

	if err := s.WaitFor(t.Context(), "c", supervisor.Running); err != nil {
		t.Fatal(err)
	}

	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	want := []string{"a Running", "b Running", "c Running", "c Finished", "b Finished", "a Finished"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if err := s.Add(&fake{id: "d", deps: []string{"nobody"}}); err == nil {
		t.Error("a service with an unknown dependency was added")
	}
}

func TestStopWhileWaitingAndStartAgain(t *testing.T) {
	waits := make(chan struct{}, 2)
	s, _ := newSupervisor(nil)

	err := s.Add(&fake{id: "svc", prepare: func(ctx context.Context, waiting func(string)) error {
		waiting("a miracle")
		waits <- struct{}{}
		<-ctx.Done()

		return ctx.Err()
	}})
	if err != nil {
		t.Fatal(err)
	}

	<-waits

	if st := s.List()[0]; st.State != supervisor.Waiting {
		t.Errorf("state %s", st.State)
	}

	if err = s.Restart(t.Context(), "svc"); err != nil {
		t.Fatal(err)
	}

	<-waits

	if err = s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err = s.Start("nobody"); !errors.Is(err, supervisor.ErrUnknown) {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	var (
		mu    sync.Mutex
		seen  []string
		calls int
	)

	healed := make(chan struct{})

	s, _ := newSupervisor(func(st supervisor.Status) {
		if st.State != supervisor.Running || st.HealthUnknown {
			return
		}

		mu.Lock()
		defer mu.Unlock()

		seen = append(seen, fmt.Sprint(st.Healthy))
		if len(seen) == 2 {
			close(healed)
		}
	})

	err := s.Add(checked{&fake{id: "svc", healthy: func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}

		return nil
	}}})
	if err != nil {
		t.Fatal(err)
	}

	<-healed

	if err = s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if !slices.Equal(seen, []string{"false", "true"}) {
		t.Errorf("health %v", seen)
	}
}
