package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/dhcp"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

// defaultMetric is the documented metric of routes from DHCP.
const defaultMetric = 1024

// OperatorSpecController runs a DHCP client for each OperatorSpec and turns its
// leases into wishes of the operator layer.
type OperatorSpecController struct {
	run func(context.Context, dhcp.Options, func(*dhcp.Lease))
}

// Name implements controller.Controller.
func (*OperatorSpecController) Name() string { return "network.OperatorSpecController" }

// Inputs implements controller.Controller.
func (*OperatorSpecController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.OperatorSpecType), base.Weak(network.Namespace, network.LinkStatusType),
	}
}

// Outputs implements controller.Controller.
func (*OperatorSpecController) Outputs() []controller.Output {
	return base.Shared(network.AddressSpecType, network.RouteSpecType, network.ResolverSpecType, network.HostnameSpecType)
}

// client is a DHCP client that runs.
type client struct {
	spec   network.OperatorSpecSpec
	cancel context.CancelFunc
}

// leases are what the clients have, by operator.
type leases struct {
	mu   sync.Mutex
	byID map[resource.ID]*dhcp.Lease
}

func (l *leases) set(id resource.ID, lease *dhcp.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.byID[id] = lease
}

func (l *leases) get(id resource.ID) *dhcp.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.byID[id]
}

// Run implements controller.Controller.
func (c *OperatorSpecController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	var wg sync.WaitGroup

	// Clients end with the controller; their leases are asked for again.
	ctx, cancel := context.WithCancel(ctx)
	defer wg.Wait()
	defer cancel()

	crashed := make(chan error, 16)
	running := map[resource.ID]client{}
	got := &leases{byID: map[resource.ID]*dhcp.Lease{}}

	err := base.Each(ctx, r, func() error {
		specs, err := safe.ReaderListAll[*network.OperatorSpec](ctx, r)
		if err != nil {
			return fmt.Errorf("list operators: %w", err)
		}

		seen := map[resource.ID]bool{}

		for spec := range specs.All() {
			id, s := spec.Metadata().ID(), *spec.TypedSpec()

			link, err := safe.ReaderGetByID[*network.LinkStatus](ctx, r, s.LinkName)
			if err != nil || s.RequireUp && !link.TypedSpec().LinkState {
				continue
			}

			seen[id] = true

			if old, ok := running[id]; ok && old.spec == s {
				continue
			} else if ok {
				old.cancel()
			}

			clientCtx, stop := context.WithCancel(ctx)
			running[id] = client{spec: s, cancel: stop}

			opts := dhcp.Options{Link: s.LinkName, HardwareAddr: net.HardwareAddr(link.TypedSpec().HardwareAddr), Logger: logger}

			wg.Go(func() {
				defer func() {
					// What a server sends must not be able to end PID 1.
					if p := recover(); p != nil {
						crashed <- fmt.Errorf("DHCP client on %s: panic: %v\n%s", s.LinkName, p, debug.Stack())

						cancel()
					}
				}()

				c.run(clientCtx, opts, func(lease *dhcp.Lease) {
					if clientCtx.Err() == nil {
						got.set(id, lease)
						r.QueueReconcile()
					}
				})
			})
		}

		for id, cl := range running {
			if !seen[id] {
				cl.cancel()
				delete(running, id)
				got.set(id, nil)
			}
		}

		for id, cl := range running {
			if lease := got.get(id); lease != nil {
				if err := writeLease(ctx, r, id, cl.spec, lease); err != nil {
					return err
				}
			}
		}

		return nil
	},
		base.Kind(network.ConfigNamespace, network.AddressSpecType), base.Kind(network.ConfigNamespace, network.RouteSpecType),
		base.Kind(network.ConfigNamespace, network.ResolverSpecType), base.Kind(network.ConfigNamespace, network.HostnameSpecType),
	)

	select {
	case err = <-crashed:
	default:
	}

	return err
}

func writeLease(ctx context.Context, r controller.Runtime, op resource.ID, spec network.OperatorSpecSpec, lease *dhcp.Lease) error {
	layered := func(id resource.ID) resource.ID { return network.LayeredID(network.LayerOperator, op+"/"+id) }

	addr := network.NewAddressSpec(network.ConfigNamespace, layered(network.AddressID(spec.LinkName, lease.Address)))
	if err := safe.WriterModify(ctx, r, addr, func(out *network.AddressSpec) error {
		*out.TypedSpec() = network.AddressSpecSpec{
			Address: lease.Address, LinkName: spec.LinkName, Family: network.FamilyInet4, Scope: network.ScopeGlobal,
			Flags: network.AddressPermanent, ConfigLayer: network.LayerOperator,
		}

		return nil
	}); err != nil {
		return fmt.Errorf("write address: %w", err)
	}

	for _, route := range leaseRoutes(spec, lease) {
		out := network.NewRouteSpec(network.ConfigNamespace, layered(route.ID()))
		if err := safe.WriterModify(ctx, r, out, func(out *network.RouteSpec) error {
			*out.TypedSpec() = route

			return nil
		}); err != nil {
			return fmt.Errorf("write route: %w", err)
		}
	}

	if len(lease.DNS) > 0 {
		out := network.NewResolverSpec(network.ConfigNamespace, layered(network.ResolverID))
		if err := safe.WriterModify(ctx, r, out, func(out *network.ResolverSpec) error {
			*out.TypedSpec() = network.ResolverSpecSpec{DNSServers: lease.DNS, SearchDomains: lease.Search, ConfigLayer: network.LayerOperator}

			return nil
		}); err != nil {
			return fmt.Errorf("write resolvers: %w", err)
		}
	}

	var name network.HostnameSpecSpec
	// A name that is not one is the server's mistake; the machine keeps its own.
	if lease.Hostname == "" || spec.DHCP4.SkipHostnameRequest || name.ParseFQDN(lease.Hostname) != nil {
		return nil
	}

	if name.Domainname == "" && (&network.HostnameSpecSpec{}).ParseFQDN(lease.Domain) == nil {
		name.Domainname = lease.Domain
	}

	name.ConfigLayer = network.LayerOperator

	out := network.NewHostnameSpec(network.ConfigNamespace, layered(network.HostnameID))
	if err := safe.WriterModify(ctx, r, out, func(out *network.HostnameSpec) error {
		*out.TypedSpec() = name

		return nil
	}); err != nil {
		return fmt.Errorf("write host name: %w", err)
	}

	return nil
}

func leaseRoutes(spec network.OperatorSpecSpec, lease *dhcp.Lease) []network.RouteSpecSpec {
	metric := spec.DHCP4.RouteMetric
	if metric == 0 {
		metric = defaultMetric
	}

	route := func(dst netip.Prefix, gw netip.Addr) network.RouteSpecSpec {
		r := network.RouteSpecSpec{
			Family: network.FamilyInet4, Destination: dst, Source: lease.Address.Addr(), Gateway: gw, OutLinkName: spec.LinkName,
			Table: network.TableMain, Priority: metric, Scope: network.ScopeGlobal, Type: network.RouteUnicast,
			Protocol: network.ProtocolBoot, ConfigLayer: network.LayerOperator, MTU: lease.MTU,
		}

		if !gw.IsValid() {
			r.Scope = network.ScopeLink
		}

		return r
	}

	var out []network.RouteSpecSpec

	for i, gw := range lease.Routers {
		// A gateway outside the prefix is reached over the link itself.
		if !lease.Address.Contains(gw) {
			out = append(out, route(netip.PrefixFrom(gw, 32), netip.Addr{}))
		}

		r := route(netip.Prefix{}, gw)
		r.Priority += uint32(i) // several routers are in order of preference (RFC 2132, 3.5)
		out = append(out, r)
	}

	for _, c := range lease.Routes {
		dst := c.Destination
		if dst.Bits() == 0 {
			dst = netip.Prefix{}
		}

		if c.Gateway.IsValid() && !lease.Address.Contains(c.Gateway) {
			out = append(out, route(netip.PrefixFrom(c.Gateway, 32), netip.Addr{}))
		}

		out = append(out, route(dst, c.Gateway))
	}

	return out
}
