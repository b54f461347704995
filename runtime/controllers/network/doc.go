// Package network turns what each layer wants of the network into what the
// kernel does.
//
//	LinkStatus ─▶ LinkConfig ─▶ LinkSpec (wish) ─▶ LinkMerge ─▶ LinkSpec ─▶ kernel
//	LinkStatus ─▶ OperatorConfig ─▶ OperatorSpec (wish) ─▶ OperatorMerge ─▶ OperatorSpec ─▶ DHCP
//	DHCP ─▶ Address-, Route-, Resolver-, HostnameSpec (wishes) ─▶ …Merge ─▶ …Spec ─▶ kernel, /etc
//	kernel ─▶ Link-, Address-, RouteStatus ─▶ NodeAddress, NetworkStatus
//
// Every controller is a function of its inputs: it may run at any time, and run
// again after a failure.
package network

import (
	"context"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"

	"github.com/akmon-os/akmon/runtime/dhcp"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

// System is what the controllers act on, so that tests can replace it.
type System struct {
	Kernel netkernel.Kernel
	// DHCP keeps a lease; see dhcp.Run.
	DHCP func(ctx context.Context, opts dhcp.Options, changed func(*dhcp.Lease))
	// SetHostname sets the kernel's host and domain name.
	SetHostname func(host, domain string) error
	// MachineID is the stable identity that a default host name is made from. It
	// may be "".
	MachineID func() string
}

// Controllers lists the controllers of the domain.
func Controllers(sys System) []controller.Controller {
	return []controller.Controller{
		&LinkStatusController{kernel: sys.Kernel},
		&AddressStatusController{kernel: sys.Kernel},
		&RouteStatusController{kernel: sys.Kernel},

		&LinkConfigController{},
		newMerge("network.LinkMergeController", network.LinkSpecType, network.NewLinkSpec,
			func(s *network.LinkSpecSpec) resource.ID { return s.Name },
			func(s *network.LinkSpecSpec) network.ConfigLayer { return s.ConfigLayer }),
		&LinkSpecController{kernel: sys.Kernel},

		&OperatorConfigController{},
		newMerge("network.OperatorMergeController", network.OperatorSpecType, network.NewOperatorSpec,
			func(s *network.OperatorSpecSpec) resource.ID { return network.OperatorID(s.Operator, s.LinkName) },
			func(s *network.OperatorSpecSpec) network.ConfigLayer { return s.ConfigLayer }),
		&OperatorSpecController{run: sys.DHCP},

		newMerge("network.AddressMergeController", network.AddressSpecType, network.NewAddressSpec,
			func(s *network.AddressSpecSpec) resource.ID { return network.AddressID(s.LinkName, s.Address) },
			func(s *network.AddressSpecSpec) network.ConfigLayer { return s.ConfigLayer }),
		newMerge("network.RouteMergeController", network.RouteSpecType, network.NewRouteSpec,
			func(s *network.RouteSpecSpec) resource.ID { return s.ID() },
			func(s *network.RouteSpecSpec) network.ConfigLayer { return s.ConfigLayer }),
		newMerge("network.HostnameMergeController", network.HostnameSpecType, network.NewHostnameSpec,
			func(*network.HostnameSpecSpec) resource.ID { return network.HostnameID },
			func(s *network.HostnameSpecSpec) network.ConfigLayer { return s.ConfigLayer }),
		newMerge("network.ResolverMergeController", network.ResolverSpecType, network.NewResolverSpec,
			func(*network.ResolverSpecSpec) resource.ID { return network.ResolverID },
			func(s *network.ResolverSpecSpec) network.ConfigLayer { return s.ConfigLayer }),

		&AddressSpecController{kernel: sys.Kernel},
		&RouteSpecController{kernel: sys.Kernel},
		&HostnameConfigController{machineID: sys.MachineID},
		&HostnameSpecController{set: sys.SetHostname},
		&ResolverConfigController{},
		&ResolverSpecController{},

		&NodeAddressController{},
		&StatusController{},
		&EtcFileController{},
	}
}
