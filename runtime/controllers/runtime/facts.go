// Package runtime describes the machine itself: what it was started with, what
// it has mounted, and how far it has come.
package runtime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/mounts"
	"github.com/akmon-os/akmon/runtime/resources/hardware"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// FactsController writes what does not change while the machine runs.
type FactsController struct {
	// Cmdline is the kernel's, without its line feed.
	Cmdline string
	// Platform is what the platform says of the machine.
	Platform runtime.PlatformMetadataSpec
	// DMI is the directory of the firmware's strings (/sys/class/dmi/id); a
	// machine without one has no SystemInformation.
	DMI string
}

// Name implements controller.Controller.
func (*FactsController) Name() string { return "runtime.FactsController" }

// Inputs implements controller.Controller.
func (*FactsController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*FactsController) Outputs() []controller.Output {
	return base.Exclusive(runtime.KernelCmdlineType, runtime.PlatformMetadataType, runtime.VersionType, hardware.SystemInformationType)
}

// Run implements controller.Controller.
func (c *FactsController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		if err := safe.WriterModify(ctx, r, runtime.NewKernelCmdline(), func(out *runtime.KernelCmdline) error {
			out.TypedSpec().Cmdline = c.Cmdline

			return nil
		}); err != nil {
			return fmt.Errorf("write kernel command line: %w", err)
		}

		if err := safe.WriterModify(ctx, r, runtime.NewVersion(), func(out *runtime.Version) error {
			out.TypedSpec().Name, out.TypedSpec().Version = version.Name, version.Tag

			return nil
		}); err != nil {
			return fmt.Errorf("write version: %w", err)
		}

		if err := safe.WriterModify(ctx, r, runtime.NewPlatformMetadata(), func(out *runtime.PlatformMetadata) error {
			*out.TypedSpec() = c.Platform.DeepCopy()

			return nil
		}); err != nil {
			return fmt.Errorf("write platform metadata: %w", err)
		}

		info := SystemInformation(c.DMI)
		if info == (hardware.SystemInformationSpec{}) {
			return nil
		}

		return safe.WriterModify(ctx, r, hardware.NewSystemInformation(), func(out *hardware.SystemInformation) error {
			*out.TypedSpec() = info

			return nil
		})
	})
}

// SystemInformation reads the firmware's strings from dir.
func SystemInformation(dir string) hardware.SystemInformationSpec {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}

		return strings.TrimSpace(string(data))
	}

	return hardware.SystemInformationSpec{
		Manufacturer: read("sys_vendor"), ProductName: read("product_name"), Version: read("product_version"),
		SerialNumber: read("product_serial"), UUID: read("product_uuid"), SKUNumber: read("product_sku"),
	}
}

// MountStatusController mirrors the mount table.
type MountStatusController struct {
	// Read and Watch are those of package mounts, or a test's.
	Read  func() ([]mounts.Mount, error)
	Watch func(context.Context, func()) error
}

// Name implements controller.Controller.
func (*MountStatusController) Name() string { return "runtime.MountStatusController" }

// Inputs implements controller.Controller.
func (*MountStatusController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*MountStatusController) Outputs() []controller.Output {
	return base.Exclusive(runtime.MountStatusType)
}

// Run implements controller.Controller.
func (c *MountStatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	lost := make(chan error, 1)

	go func() {
		lost <- c.Watch(ctx, r.QueueReconcile)

		cancel()
	}()

	err := base.Each(ctx, r, func() error {
		all, err := c.Read()
		if err != nil {
			return err
		}

		for _, m := range all {
			err := safe.WriterModify(ctx, r, runtime.NewMountStatus(resource.ID(m.Target)), func(out *runtime.MountStatus) error {
				*out.TypedSpec() = runtime.MountStatusSpec{Source: m.Source, Target: m.Target, FilesystemType: m.Type, Options: m.Options}

				return nil
			})
			if err != nil {
				return fmt.Errorf("write mount status: %w", err)
			}
		}

		return nil
	}, base.Kind(runtime.Namespace, runtime.MountStatusType))

	cancel()

	if werr := <-lost; err == nil {
		err = werr
	}

	return err
}
