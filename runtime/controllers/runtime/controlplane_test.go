package runtime_test

import (
	"context"
	"io"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/supervisor"
)

// idle is a service that runs until it is stopped.
type idle struct{}

func (idle) ID() string                                  { return "idle" }
func (idle) DependsOn() []string                         { return nil }
func (idle) Prepare(context.Context, func(string)) error { return nil }

func (idle) Run(ctx context.Context, _ io.Writer, started func(int)) error {
	started(0)
	<-ctx.Done()

	return nil
}

func TestControlPlane(t *testing.T) {
	sup := supervisor.New(supervisor.Options{Logs: logbuf.NewSet(4096), Events: events.NewStream(), Logger: zap.NewNop()})
	st := ctest.Start(t, &ctrl.ControlPlaneController{Supervisor: sup, Services: []supervisor.Service{idle{}}})

	defer func() {
		if err := sup.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()

	kind := config.NewMachineType()
	kind.SetName("controlplane")

	if err := st.Create(t.Context(), kind); err != nil {
		t.Fatal(err)
	}

	wait := func(want supervisor.State) {
		t.Helper()

		// The service is unknown until the controller has seen the type.
		for {
			for _, s := range sup.List() {
				if s.ID != "idle" {
					continue
				}

				if err := sup.WaitFor(t.Context(), "idle", want); err != nil {
					t.Fatal(err)
				}

				return
			}

			select {
			case <-t.Context().Done():
				t.Fatal("the service was not added")
			case <-time.After(time.Millisecond):
			}
		}
	}

	for _, step := range []struct {
		kind string
		want supervisor.State
	}{{"controlplane", supervisor.Running}, {"worker", supervisor.Finished}, {"init", supervisor.Running}} {
		if kind.Name() != step.kind {
			kind.SetName(step.kind)

			if err := st.Update(t.Context(), kind); err != nil {
				t.Fatal(err)
			}
		}

		wait(step.want)
	}
}
