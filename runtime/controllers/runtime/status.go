package runtime

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
)

// MachineStatusController says how far the machine has come and what is missing.
type MachineStatusController struct {
	Events *events.Stream

	mu   sync.Mutex
	stop runtime.MachineStage // a stage that ends the machine's life, once set
	kick func()
	last runtime.MachineStatusSpec
}

// Name implements controller.Controller.
func (*MachineStatusController) Name() string { return "runtime.MachineStatusController" }

// Inputs implements controller.Controller.
func (*MachineStatusController) Inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(config.Namespace, config.MachineConfigType, config.ActiveID),
		base.WeakID(runtime.Namespace, runtime.MaintenanceServiceConfigType, runtime.MaintenanceServiceConfigID),
		base.WeakID(network.Namespace, network.StatusType, network.StatusID),
		base.Weak(v1alpha1.Namespace, v1alpha1.ServiceType),
	}
}

// Outputs implements controller.Controller.
func (*MachineStatusController) Outputs() []controller.Output {
	return base.Exclusive(runtime.MachineStatusType)
}

// GoDown says that the machine reboots or shuts down from now on.
func (c *MachineStatusController) GoDown(stage runtime.MachineStage) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.stop = stage

	if c.kick != nil {
		c.kick()
	}
}

// Run implements controller.Controller.
func (c *MachineStatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	c.mu.Lock()
	c.kick = r.QueueReconcile
	c.mu.Unlock()

	return base.Each(ctx, r, func() error {
		now, err := c.status(ctx, r)
		if err != nil {
			return err
		}

		if err := safe.WriterModify(ctx, r, runtime.NewMachineStatus(), func(out *runtime.MachineStatus) error {
			*out.TypedSpec() = now

			return nil
		}); err != nil {
			return fmt.Errorf("write machine status: %w", err)
		}

		if !reflect.DeepEqual(now, c.last) {
			c.last = now
			c.Events.Publish(ctx, event(now))
		}

		return nil
	})
}

func (c *MachineStatusController) status(ctx context.Context, r controller.Reader) (runtime.MachineStatusSpec, error) {
	var now runtime.MachineStatusSpec

	unmet := func(name, format string, args ...any) {
		now.Status.UnmetConditions = append(now.Status.UnmetConditions, runtime.UnmetCondition{Name: name, Reason: fmt.Sprintf(format, args...)})
	}

	_, cfgErr := safe.ReaderGetByID[*config.MachineConfig](ctx, r, config.ActiveID)
	_, maintenanceErr := safe.ReaderGetByID[*runtime.MaintenanceServiceConfig](ctx, r, runtime.MaintenanceServiceConfigID)

	services, err := safe.ReaderListAll[*v1alpha1.Service](ctx, r)
	if err != nil {
		return now, fmt.Errorf("list services: %w", err)
	}

	up := services.Len() > 0

	// Without a configuration the services wait for one: that is as it should be.
	for svc := range services.All() {
		if s := svc.TypedSpec(); !s.Running || !s.Unknown && !s.Healthy {
			if cfgErr == nil {
				unmet("services", "service %s is not healthy", svc.Metadata().ID())
			}

			up = false
		}
	}

	if net, err := safe.ReaderGetByID[*network.Status](ctx, r, network.StatusID); err != nil {
		unmet("network", "waiting for the network")
	} else {
		s := net.TypedSpec()

		for _, part := range []struct {
			ready bool
			what  string
		}{{s.AddressReady, "an address"}, {s.ConnectivityReady, "a default route"}, {s.HostnameReady, "a host name"}, {s.EtcFilesReady, "files under /etc"}} {
			if !part.ready {
				unmet("network", "waiting for %s", part.what)
			}
		}
	}

	c.mu.Lock()
	stop := c.stop
	c.mu.Unlock()

	switch {
	case stop != runtime.StageUnknown:
		now.Stage = stop
	case cfgErr == nil && (up || c.last.Stage == runtime.StageRunning):
		now.Stage = runtime.StageRunning
	case cfgErr != nil && maintenanceErr == nil:
		now.Stage = runtime.StageMaintenance
	default:
		now.Stage = runtime.StageBooting
	}

	now.Status.Ready = len(now.Status.UnmetConditions) == 0 && stop == runtime.StageUnknown &&
		(now.Stage == runtime.StageRunning || now.Stage == runtime.StageMaintenance)

	return now, nil
}

func event(s runtime.MachineStatusSpec) *machine.MachineStatusEvent {
	ev := &machine.MachineStatusEvent{
		Stage:  machine.MachineStatusEvent_MachineStage(s.Stage),
		Status: &machine.MachineStatusEvent_MachineStatus{Ready: s.Status.Ready},
	}

	for _, u := range s.Status.UnmetConditions {
		ev.Status.UnmetConditions = append(ev.Status.UnmetConditions,
			&machine.MachineStatusEvent_MachineStatus_UnmetCondition{Name: u.Name, Reason: u.Reason})
	}

	return ev
}
