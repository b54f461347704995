package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

// sortAddresses orders as the documented algorithm v1 does: by address, so IPv4
// before IPv6.
func sortAddresses(p []netip.Prefix) {
	slices.SortFunc(p, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}

		return a.Bits() - b.Bits()
	})
}

// LinkSpecController brings links to their specs. A link whose spec goes away is
// left as it is: nobody has said that it should be down.
type LinkSpecController struct{ kernel netkernel.Kernel }

// Name implements controller.Controller.
func (*LinkSpecController) Name() string { return "network.LinkSpecController" }

// Inputs implements controller.Controller.
func (*LinkSpecController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.LinkSpecType), base.Weak(network.Namespace, network.LinkStatusType),
	}
}

// Outputs implements controller.Controller.
func (*LinkSpecController) Outputs() []controller.Output { return nil }

// Run implements controller.Controller.
func (c *LinkSpecController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		specs, err := safe.ReaderListAll[*network.LinkSpec](ctx, r)
		if err != nil {
			return fmt.Errorf("list links: %w", err)
		}

		var errs []error

		for spec := range specs.All() {
			s := spec.TypedSpec()

			status, err := safe.ReaderGetByID[*network.LinkStatus](ctx, r, s.Name)
			if err != nil {
				continue // the link is not there (yet)
			}

			isUp := status.TypedSpec().Flags&1 != 0
			if isUp == s.Up && (s.MTU == 0 || s.MTU == status.TypedSpec().MTU) {
				continue
			}

			errs = append(errs, c.kernel.SetLink(s.Name, s.Up, s.MTU))
		}

		return errors.Join(errs...)
	})
}

// applied is what a controller has done to the kernel, so that it can undo it
// when the spec goes away. Nothing else is ever deleted from the kernel.
type applied[T comparable] map[resource.ID]T

// sync makes the kernel have exactly the wanted among what was applied.
func (a *applied[T]) sync(want map[resource.ID]T, missing func(resource.ID, T) bool, add, remove func(T) error) error {
	if *a == nil {
		*a = applied[T]{}
	}

	var errs []error

	for _, id := range slices.Sorted(maps.Keys(*a)) {
		old := (*a)[id]
		if now, ok := want[id]; ok && now == old {
			continue
		}

		if err := remove(old); err != nil {
			errs = append(errs, err)

			continue
		}

		delete(*a, id)
	}

	for _, id := range slices.Sorted(maps.Keys(want)) {
		if _, done := (*a)[id]; done && !missing(id, want[id]) {
			continue
		}

		if err := add(want[id]); err != nil {
			errs = append(errs, err)

			continue
		}

		(*a)[id] = want[id]
	}

	return errors.Join(errs...)
}

// AddressSpecController gives links their addresses.
type AddressSpecController struct {
	kernel  netkernel.Kernel
	applied applied[network.AddressSpecSpec]
}

// Name implements controller.Controller.
func (*AddressSpecController) Name() string { return "network.AddressSpecController" }

// Inputs implements controller.Controller.
func (*AddressSpecController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.AddressSpecType), base.Weak(network.Namespace, network.AddressStatusType),
		base.Weak(network.Namespace, network.LinkStatusType),
	}
}

// Outputs implements controller.Controller.
func (*AddressSpecController) Outputs() []controller.Output { return nil }

// Run implements controller.Controller.
func (c *AddressSpecController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		specs, err := safe.ReaderListAll[*network.AddressSpec](ctx, r)
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}

		want := map[resource.ID]network.AddressSpecSpec{}

		for spec := range specs.All() {
			if _, err := safe.ReaderGetByID[*network.LinkStatus](ctx, r, spec.TypedSpec().LinkName); err == nil {
				want[spec.Metadata().ID()] = *spec.TypedSpec()
			}
		}

		missing := func(_ resource.ID, s network.AddressSpecSpec) bool {
			_, err := safe.ReaderGetByID[*network.AddressStatus](ctx, r, network.AddressID(s.LinkName, s.Address))

			return err != nil
		}

		return c.applied.sync(want, missing, c.kernel.AddAddress, c.kernel.DeleteAddress)
	})
}

// RouteSpecController gives the kernel its routes, once a route's link has an
// address: without one no gateway can be reached.
type RouteSpecController struct {
	kernel  netkernel.Kernel
	applied applied[network.RouteSpecSpec]
}

// Name implements controller.Controller.
func (*RouteSpecController) Name() string { return "network.RouteSpecController" }

// Inputs implements controller.Controller.
func (*RouteSpecController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.RouteSpecType), base.Weak(network.Namespace, network.RouteStatusType),
		base.Weak(network.Namespace, network.AddressStatusType),
	}
}

// Outputs implements controller.Controller.
func (*RouteSpecController) Outputs() []controller.Output { return nil }

// Run implements controller.Controller.
func (c *RouteSpecController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		specs, err := safe.ReaderListAll[*network.RouteSpec](ctx, r)
		if err != nil {
			return fmt.Errorf("list routes: %w", err)
		}

		addrs, err := safe.ReaderListAll[*network.AddressStatus](ctx, r)
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}

		ready := map[string]bool{"": true}
		for a := range addrs.All() {
			ready[a.TypedSpec().LinkName+a.TypedSpec().Family.String()] = true
		}

		want := map[resource.ID]network.RouteSpecSpec{}

		for spec := range specs.All() {
			s := spec.TypedSpec()
			if s.OutLinkName == "" || ready[s.OutLinkName+s.Family.String()] {
				want[spec.Metadata().ID()] = *s
			}
		}

		missing := func(id resource.ID, _ network.RouteSpecSpec) bool {
			_, err := safe.ReaderGetByID[*network.RouteStatus](ctx, r, id)

			return err != nil
		}

		return c.applied.sync(want, missing, c.kernel.AddRoute, c.kernel.DeleteRoute)
	})
}
