package network

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

// mirror reconciles at the start and after each change of the subjects.
func mirror(ctx context.Context, r controller.Runtime, kernel netkernel.Kernel, subjects netkernel.Subject, reconcile func() error, outputs ...resource.Kind) error {
	ctx, cancel := context.WithCancel(ctx)
	lost := make(chan error, 1)

	go func() {
		lost <- kernel.Watch(ctx, subjects, r.QueueReconcile)

		cancel()
	}()

	// A change between subscribing and the first look is in both; one before
	// subscribing is in the first look, which comes after the watch is set up or
	// is repeated by the interval of the events that follow.
	r.QueueReconcile()

	err := base.Each(ctx, r, reconcile, outputs...)

	cancel()

	if werr := <-lost; err == nil && werr != nil {
		return fmt.Errorf("watch the kernel: %w", werr)
	}

	return err
}

// LinkStatusController mirrors the kernel's links.
type LinkStatusController struct{ kernel netkernel.Kernel }

// Name implements controller.Controller.
func (*LinkStatusController) Name() string { return "network.LinkStatusController" }

// Inputs implements controller.Controller.
func (*LinkStatusController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*LinkStatusController) Outputs() []controller.Output {
	return base.Exclusive(network.LinkStatusType)
}

// Run implements controller.Controller.
func (c *LinkStatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return mirror(ctx, r, c.kernel, netkernel.Links, func() error {
		links, err := c.kernel.Links()
		if err != nil {
			return err
		}

		for _, l := range links {
			err := safe.WriterModify(ctx, r, network.NewLinkStatus(l.Name), func(out *network.LinkStatus) error {
				*out.TypedSpec() = l.Spec

				return nil
			})
			if err != nil {
				return fmt.Errorf("write link status: %w", err)
			}
		}

		return nil
	}, base.Kind(network.Namespace, network.LinkStatusType))
}

// AddressStatusController mirrors the kernel's addresses.
type AddressStatusController struct{ kernel netkernel.Kernel }

// Name implements controller.Controller.
func (*AddressStatusController) Name() string { return "network.AddressStatusController" }

// Inputs implements controller.Controller.
func (*AddressStatusController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*AddressStatusController) Outputs() []controller.Output {
	return base.Exclusive(network.AddressStatusType)
}

// Run implements controller.Controller.
func (c *AddressStatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return mirror(ctx, r, c.kernel, netkernel.Addresses, func() error {
		all, err := c.kernel.Addresses()
		if err != nil {
			return err
		}

		for _, a := range all {
			out := network.NewAddressStatus(network.AddressID(a.LinkName, a.Address))

			err := safe.WriterModify(ctx, r, out, func(out *network.AddressStatus) error {
				*out.TypedSpec() = a

				return nil
			})
			if err != nil {
				return fmt.Errorf("write address status: %w", err)
			}
		}

		return nil
	}, base.Kind(network.Namespace, network.AddressStatusType))
}

// RouteStatusController mirrors the kernel's routes.
type RouteStatusController struct{ kernel netkernel.Kernel }

// Name implements controller.Controller.
func (*RouteStatusController) Name() string { return "network.RouteStatusController" }

// Inputs implements controller.Controller.
func (*RouteStatusController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*RouteStatusController) Outputs() []controller.Output {
	return base.Exclusive(network.RouteStatusType)
}

// Run implements controller.Controller.
func (c *RouteStatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return mirror(ctx, r, c.kernel, netkernel.Routes, func() error {
		all, err := c.kernel.Routes()
		if err != nil {
			return err
		}

		for _, route := range all {
			id := network.RouteID(route.Table, route.Family, route.Gateway, route.Destination, route.Priority, route.OutLinkName)

			err := safe.WriterModify(ctx, r, network.NewRouteStatus(id), func(out *network.RouteStatus) error {
				*out.TypedSpec() = route

				return nil
			})
			if err != nil {
				return fmt.Errorf("write route status: %w", err)
			}
		}

		return nil
	}, base.Kind(network.Namespace, network.RouteStatusType))
}

// NodeAddressController chooses the node's addresses from those that the kernel
// has: not those of the loopback nor of link scope, IPv4 first.
type NodeAddressController struct{}

// Name implements controller.Controller.
func (*NodeAddressController) Name() string { return "network.NodeAddressController" }

// Inputs implements controller.Controller.
func (*NodeAddressController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.AddressStatusType), base.Weak(network.Namespace, network.LinkStatusType),
		base.Weak(network.Namespace, network.NodeAddressType), // keeps its own choice while it is there
	}
}

// Outputs implements controller.Controller.
func (*NodeAddressController) Outputs() []controller.Output {
	return base.Exclusive(network.NodeAddressType)
}

// Run implements controller.Controller.
func (*NodeAddressController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		addrs, err := safe.ReaderListAll[*network.AddressStatus](ctx, r)
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}

		links, err := safe.ReaderListAll[*network.LinkStatus](ctx, r)
		if err != nil {
			return fmt.Errorf("list links: %w", err)
		}

		up := map[string]bool{}
		for l := range links.All() {
			up[l.Metadata().ID()] = l.TypedSpec().OperationalState == network.OperStateUp || l.TypedSpec().LinkState
		}

		var current []netip.Prefix

		for a := range addrs.All() {
			s := a.TypedSpec()
			if s.Scope != network.ScopeGlobal || s.Address.Addr().IsLoopback() || s.Flags&network.AddressTentative != 0 || !up[s.LinkName] {
				continue
			}

			current = append(current, s.Address)
		}

		sortAddresses(current)

		if len(current) == 0 {
			return nil
		}

		if err := writeAddresses(ctx, r, network.NodeAddressCurrent, current); err != nil {
			return err
		}

		// The default address is the first that the node had, for as long as it has it.
		chosen := current[:1]

		old, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressDefault)
		if err == nil && len(old.TypedSpec().Addresses) == 1 {
			for i, a := range current {
				if a == old.TypedSpec().Addresses[0] {
					chosen = current[i : i+1]
				}
			}
		}

		return writeAddresses(ctx, r, network.NodeAddressDefault, chosen)
	}, base.Kind(network.Namespace, network.NodeAddressType))
}

func writeAddresses(ctx context.Context, r controller.Runtime, id resource.ID, addrs []netip.Prefix) error {
	return safe.WriterModify(ctx, r, network.NewNodeAddress(id), func(out *network.NodeAddress) error {
		out.TypedSpec().Addresses, out.TypedSpec().SortAlgorithm = addrs, network.SortV1

		return nil
	})
}
