package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/supervisor"
)

// ControlPlaneController runs the services that only control planes have.
type ControlPlaneController struct {
	Supervisor *supervisor.Supervisor
	Services   []supervisor.Service
}

// Name implements controller.Controller.
func (*ControlPlaneController) Name() string { return "runtime.ControlPlaneController" }

// Inputs implements controller.Controller.
func (*ControlPlaneController) Inputs() []controller.Input {
	return []controller.Input{base.WeakID(config.Namespace, config.MachineTypeType, config.MachineTypeID)}
}

// Outputs implements controller.Controller.
func (*ControlPlaneController) Outputs() []controller.Output { return nil }

// Run implements controller.Controller.
func (c *ControlPlaneController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		kind, err := safe.ReaderGetByID[*config.MachineType](ctx, r, config.MachineTypeID)
		if err != nil && !state.IsNotFoundError(err) {
			return fmt.Errorf("get machine type: %w", err)
		}

		wanted := err == nil && (kind.Name() == "controlplane" || kind.Name() == "init")

		for _, svc := range c.Services {
			if err := c.set(ctx, svc, wanted); err != nil {
				return fmt.Errorf("service %s: %w", svc.ID(), err)
			}
		}

		return nil
	})
}

func (c *ControlPlaneController) set(ctx context.Context, svc supervisor.Service, wanted bool) error {
	var err error

	if wanted {
		if err = c.Supervisor.Start(svc.ID()); errors.Is(err, supervisor.ErrUnknown) {
			err = c.Supervisor.Add(svc)
		}
	} else if err = c.Supervisor.Stop(ctx, svc.ID()); errors.Is(err, supervisor.ErrUnknown) {
		err = nil
	}

	if errors.Is(err, supervisor.ErrClosed) {
		return nil
	}

	return err
}
