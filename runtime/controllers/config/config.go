// Package config finds the machine's configuration, applies new ones, and
// derives what is in them.
package config

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// Store keeps the configuration over restarts.
type Store interface {
	// Load returns the stored configuration, or nil when there is none.
	Load() ([]byte, error)
	Save(data []byte) error
}

// Options configure an AcquireController.
type Options struct {
	Store Store
	// Fetch asks the platform; it returns nil when the platform has none to give,
	// and an error to be asked again.
	Fetch func(context.Context) ([]byte, error)
	// NeedsNetwork keeps Fetch waiting for the first address.
	NeedsNetwork bool
	Mode         machineconfig.Mode
	// Listen is where the maintenance service should listen.
	Listen string
	// Failed is told of a configuration that was found and is not usable.
	Failed func(error)
	// RetryPause is the pause between fetches; 0 means 5 s.
	RetryPause time.Duration
}

// AcquireController finds a configuration: the one that was kept, else the
// platform's, else it asks for one through the maintenance service. From then on
// it puts in force what is applied.
type AcquireController struct {
	opts  Options
	apply chan request

	// active survives a restart of the controller.
	active []byte
}

type request struct {
	data  []byte
	reply chan error
}

// NewAcquireController makes the controller.
func NewAcquireController(opts Options) *AcquireController {
	if opts.RetryPause == 0 {
		opts.RetryPause = 5 * time.Second
	}

	if opts.Failed == nil {
		opts.Failed = func(error) {}
	}

	return &AcquireController{opts: opts, apply: make(chan request)}
}

// Check decodes and validates a configuration. The error is a document.Errors
// with every finding and its position.
func (c *AcquireController) Check(data []byte) ([]machineconfig.Warning, error) {
	cfg, warnings, err := machineconfig.Decode("machine configuration", data)
	if err != nil {
		return nil, err
	}

	if !cfg.HasMain() {
		return nil, errors.New("machine configuration: there is no main document (version: v1alpha1)")
	}

	return warnings, cfg.Validate(c.opts.Mode)
}

// Apply keeps a configuration and puts it in force. The caller has checked it.
// It returns when it is kept and published.
func (c *AcquireController) Apply(ctx context.Context, data []byte) error {
	req := request{data: data, reply: make(chan error, 1)}

	select {
	case c.apply <- req:
	case <-ctx.Done():
		return fmt.Errorf("apply configuration: %w", ctx.Err())
	}

	select {
	case err := <-req.reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("apply configuration: %w", ctx.Err())
	}
}

// Keep stores a configuration for the next start without putting it in force.
func (c *AcquireController) Keep(data []byte) error { return c.opts.Store.Save(data) }

// Name implements controller.Controller.
func (*AcquireController) Name() string { return "config.AcquireController" }

// Inputs implements controller.Controller.
func (*AcquireController) Inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(network.Namespace, network.StatusType, network.StatusID),
		base.WeakID(network.Namespace, network.NodeAddressType, network.NodeAddressCurrent),
	}
}

// Outputs implements controller.Controller.
func (*AcquireController) Outputs() []controller.Output {
	return base.Exclusive(config.MachineConfigType, runtime.MaintenanceServiceConfigType)
}

// Run implements controller.Controller.
func (c *AcquireController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	fetched := make(chan []byte, 1)
	loaded, fetching, maintenance := false, false, false

	for {
		var req *request

		select {
		case <-ctx.Done():
			return nil
		case <-r.EventCh():
		case data := <-fetched:
			if fetching = false; data == nil {
				maintenance = true // the platform has nothing to give

				break
			}

			c.active = data
			if err := c.opts.Store.Save(data); err != nil {
				logger.Error("the configuration is not kept", zap.Error(err))
			}
		case got := <-c.apply:
			req = &got
			if err := c.opts.Store.Save(got.data); err != nil {
				got.reply <- fmt.Errorf("keep configuration: %w", err)

				continue
			}

			c.active = got.data
		}

		if c.active == nil && !loaded {
			loaded = true
			c.active = c.load(logger)
		}

		if c.active == nil && !fetching && !maintenance && c.reachable(ctx, r) {
			fetching = true

			go func() { fetched <- c.fetch(ctx, logger) }()
		}

		err := c.publish(ctx, r, maintenance)

		if req != nil {
			req.reply <- err
		}

		if err != nil {
			return err
		}

		r.ResetRestartBackoff()
	}
}

// reachable says whether asking the platform makes sense yet.
func (c *AcquireController) reachable(ctx context.Context, r controller.Reader) bool {
	if !c.opts.NeedsNetwork {
		return true
	}

	status, err := safe.ReaderGetByID[*network.Status](ctx, r, network.StatusID)

	return err == nil && status.TypedSpec().AddressReady
}

func (c *AcquireController) load(logger *zap.Logger) []byte {
	data, err := c.opts.Store.Load()
	if err == nil && data != nil {
		_, err = c.Check(data)
	}

	if err != nil {
		logger.Error("the stored configuration is not usable", zap.Error(err))
		c.opts.Failed(err)

		return nil
	}

	if data != nil {
		logger.Info("machine configuration from the machine's own state")
	}

	return data
}

// fetch asks the platform until it has an answer that is usable, or none.
func (c *AcquireController) fetch(ctx context.Context, logger *zap.Logger) []byte {
	for ctx.Err() == nil {
		data, err := c.opts.Fetch(ctx)
		if err == nil && data == nil {
			return nil
		}

		if err == nil {
			if _, err = c.Check(data); err == nil {
				logger.Info("machine configuration from the platform", zap.Int("bytes", len(data)))

				return data
			}
		}

		if ctx.Err() == nil {
			logger.Error("no configuration from the platform", zap.Error(err))
			c.opts.Failed(err)
		}

		select {
		case <-ctx.Done():
		case <-time.After(c.opts.RetryPause):
		}
	}

	return nil
}

func (c *AcquireController) publish(ctx context.Context, r controller.Runtime, maintenance bool) error {
	if c.active != nil {
		err := safe.WriterModify(ctx, r, config.NewMachineConfig(c.active), func(out *config.MachineConfig) error {
			out.SetData(c.active)

			return nil
		})
		if err != nil {
			return fmt.Errorf("write machine configuration: %w", err)
		}

		err = r.Destroy(ctx, runtime.NewMaintenanceServiceConfig().Metadata())
		if err != nil && !state.IsNotFoundError(err) {
			return fmt.Errorf("end maintenance: %w", err)
		}

		return nil
	}

	if !maintenance {
		return nil
	}

	return safe.WriterModify(ctx, r, runtime.NewMaintenanceServiceConfig(), func(out *runtime.MaintenanceServiceConfig) error {
		out.TypedSpec().ListenAddress = c.opts.Listen

		addrs, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressCurrent)
		if err == nil {
			out.TypedSpec().ReachableAddresses = addrs.TypedSpec().IPs()
		}

		return nil
	})
}

// Active decodes the configuration in force; it is nil when there is none.
func Active(ctx context.Context, r controller.Reader) (*machineconfig.Config, error) {
	res, err := safe.ReaderGetByID[*config.MachineConfig](ctx, r, config.ActiveID)
	if state.IsNotFoundError(err) {
		return nil, nil //nolint:nilnil
	} else if err != nil {
		return nil, fmt.Errorf("get machine configuration: %w", err)
	}

	cfg, _, err := machineconfig.Decode("machine configuration", res.Data())
	if err != nil {
		return nil, fmt.Errorf("decode machine configuration: %w", err)
	}

	return cfg, nil
}

// Input is the input that a controller needs to call Active.
func Input() controller.Input {
	return base.WeakID(config.Namespace, config.MachineConfigType, config.ActiveID)
}

// MachineTypeController says what kind of machine this is.
type MachineTypeController struct{}

// Name implements controller.Controller.
func (*MachineTypeController) Name() string { return "config.MachineTypeController" }

// Inputs implements controller.Controller.
func (*MachineTypeController) Inputs() []controller.Input { return []controller.Input{Input()} }

// Outputs implements controller.Controller.
func (*MachineTypeController) Outputs() []controller.Output {
	return base.Exclusive(config.MachineTypeType)
}

// Run implements controller.Controller.
func (*MachineTypeController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := Active(ctx, r)
		if err != nil {
			return err
		}

		return safe.WriterModify(ctx, r, config.NewMachineType(), func(out *config.MachineType) error {
			out.SetName("unknown")

			if cfg != nil {
				out.SetName(string(cfg.Machine.Type))
			}

			return nil
		})
	})
}
