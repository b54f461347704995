package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/modules"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// KernelModuleConfigController takes the modules out of the configuration.
type KernelModuleConfigController struct{}

// Name implements controller.Controller.
func (*KernelModuleConfigController) Name() string { return "runtime.KernelModuleConfigController" }

// Inputs implements controller.Controller.
func (*KernelModuleConfigController) Inputs() []controller.Input {
	return []controller.Input{config.Input()}
}

// Outputs implements controller.Controller.
func (*KernelModuleConfigController) Outputs() []controller.Output {
	return base.Exclusive(runtime.KernelModuleSpecType)
}

// Run implements controller.Controller.
func (*KernelModuleConfigController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil || cfg == nil {
			return err
		}

		for _, m := range cfg.Machine.Kernel.Modules {
			if err := safe.WriterModify(ctx, r, runtime.NewKernelModuleSpec(m.Name), func(out *runtime.KernelModuleSpec) error {
				*out.TypedSpec() = runtime.KernelModuleSpecSpec{Name: m.Name, Parameters: m.Parameters}

				return nil
			}); err != nil {
				return fmt.Errorf("write kernel module: %w", err)
			}
		}

		return nil
	}, base.Kind(runtime.Namespace, runtime.KernelModuleSpecType))
}

// ModuleLoader loads kernel modules; see modules.Loader.
type ModuleLoader interface {
	Load(ctx context.Context, names ...string) error
	LoadWith(name string, params []string) error
}

// KernelModuleController loads the modules that the hardware and the configuration
// ask for, and says what is loaded. A module is never unloaded.
type KernelModuleController struct {
	Loader ModuleLoader
	// Watch and Loaded are those of package modules, or a test's.
	Watch  func(ctx context.Context, found func(aliases []string)) error
	Loaded func() ([]modules.Loaded, error)

	mu      sync.Mutex
	pending []string
	tried   map[resource.ID]string // version of the spec
}

// Name implements controller.Controller.
func (*KernelModuleController) Name() string { return "runtime.KernelModuleController" }

// Inputs implements controller.Controller.
func (*KernelModuleController) Inputs() []controller.Input {
	return []controller.Input{base.Weak(runtime.Namespace, runtime.KernelModuleSpecType)}
}

// Outputs implements controller.Controller.
func (*KernelModuleController) Outputs() []controller.Output {
	return base.Exclusive(runtime.LoadedKernelModuleType)
}

// Run implements controller.Controller.
func (c *KernelModuleController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	c.tried = map[resource.ID]string{}

	ctx, cancel := context.WithCancel(ctx)
	lost := make(chan error, 1)

	go func() {
		lost <- c.Watch(ctx, func(aliases []string) {
			c.mu.Lock()
			c.pending = append(c.pending, aliases...)
			c.mu.Unlock()

			r.QueueReconcile()
		})

		cancel()
	}()

	err := base.Each(ctx, r, func() error { return c.reconcile(ctx, r, logger) },
		base.Kind(runtime.Namespace, runtime.LoadedKernelModuleType))

	cancel()

	if werr := <-lost; err == nil {
		err = werr
	}

	return err
}

func (c *KernelModuleController) reconcile(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	c.mu.Lock()
	aliases := c.pending
	c.pending = nil
	c.mu.Unlock()

	// The configuration goes first: it may have parameters for a module that the
	// hardware asks for too.
	if err := c.configured(ctx, r, logger); err != nil {
		return err
	}

	if err := c.Loader.Load(ctx, aliases...); err != nil {
		logger.Warn("not every kernel module was loaded", zap.Error(err))
	}

	loaded, err := c.Loaded()
	if err != nil {
		return err
	}

	for _, m := range loaded {
		if err := safe.WriterModify(ctx, r, runtime.NewLoadedKernelModule(m.Name), func(out *runtime.LoadedKernelModule) error {
			*out.TypedSpec() = runtime.LoadedKernelModuleSpec{
				Size: m.Size, ReferenceCount: m.References, Dependencies: m.Users, State: m.State, Address: m.Address,
			}

			return nil
		}); err != nil {
			return fmt.Errorf("write loaded module: %w", err)
		}
	}

	return nil
}

// configured loads each module of the configuration once.
func (c *KernelModuleController) configured(ctx context.Context, r controller.Reader, logger *zap.Logger) error {
	specs, err := safe.ReaderListAll[*runtime.KernelModuleSpec](ctx, r)
	if err != nil {
		return fmt.Errorf("list kernel modules: %w", err)
	}

	for spec := range specs.All() {
		id, version := spec.Metadata().ID(), spec.Metadata().Version().String()
		if c.tried[id] == version {
			continue
		}

		c.tried[id] = version

		if err := c.Loader.LoadWith(spec.TypedSpec().Name, spec.TypedSpec().Parameters); err != nil {
			logger.Error("a kernel module of the configuration was not loaded", zap.Error(err))
		}
	}

	return nil
}
