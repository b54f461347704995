package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/kernelargs"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

func cmdline(ctx context.Context, r controller.Reader) (kernelargs.Args, error) {
	res, err := safe.ReaderGetByID[*runtime.KernelCmdline](ctx, r, runtime.KernelCmdlineID)
	if state.IsNotFoundError(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("get kernel command line: %w", err)
	}

	return kernelargs.Parse(res.TypedSpec().Cmdline), nil
}

// interfaces returns the configured interfaces by the name of the link that
// each means; selectors are matched against the links that are there.
func interfaces(ctx context.Context, r controller.Reader, cfg *machineconfig.Config) (map[string]v1alpha1.Interface, []*network.LinkStatus, error) {
	list, err := safe.ReaderListAll[*network.LinkStatus](ctx, r)
	if err != nil {
		return nil, nil, fmt.Errorf("list links: %w", err)
	}

	var links []*network.LinkStatus
	for l := range list.All() {
		links = append(links, l)
	}

	out := map[string]v1alpha1.Interface{}
	if cfg == nil {
		return out, links, nil
	}

	for _, in := range cfg.Machine.Network.Interfaces {
		for _, l := range links {
			if in.Interface == l.Metadata().ID() || in.Interface == "" && selects(in.DeviceSelector, l.TypedSpec()) {
				if _, again := out[l.Metadata().ID()]; !again {
					out[l.Metadata().ID()] = in
				}
			}
		}
	}

	return out, links, nil
}

func selects(sel v1alpha1.DeviceSelector, l *network.LinkStatusSpec) bool {
	if sel == (v1alpha1.DeviceSelector{}) {
		return false
	}

	match := func(pattern, value string) bool { return pattern == "" || glob(pattern, value) }

	return match(sel.BusPath, l.BusPath) && match(sel.HardwareAddr, l.HardwareAddr.String()) &&
		match(sel.PermanentAddr, l.PermanentAddr.String()) && match(sel.PCIID, l.PCIID) && match(sel.Driver, l.Driver) &&
		(sel.Physical == nil || *sel.Physical == l.Physical())
}

// glob matches with "*", which stands for any text, without regard to case.
func glob(pattern, s string) bool {
	for {
		if pattern == "" {
			return s == ""
		}

		if pattern[0] == '*' {
			for i := range len(s) + 1 {
				if glob(pattern[1:], s[i:]) {
					return true
				}
			}

			return false
		}

		if s == "" || lower(pattern[0]) != lower(s[0]) {
			return false
		}

		pattern, s = pattern[1:], s[1:]
	}
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}

	return c
}

// LinkConfigController wishes the loopback and every physical link up, and what
// the configuration says of links.
type LinkConfigController struct{}

// Name implements controller.Controller.
func (*LinkConfigController) Name() string { return "network.LinkConfigController" }

// Inputs implements controller.Controller.
func (*LinkConfigController) Inputs() []controller.Input {
	return []controller.Input{base.Weak(network.Namespace, network.LinkStatusType), config.Input()}
}

// Outputs implements controller.Controller.
func (*LinkConfigController) Outputs() []controller.Output {
	return base.Shared(network.LinkSpecType, network.AddressSpecType, network.RouteSpecType)
}

// Run implements controller.Controller.
func (c *LinkConfigController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil {
			return err
		}

		configured, links, err := interfaces(ctx, r, cfg)
		if err != nil {
			return err
		}

		for _, l := range links {
			name, s := l.Metadata().ID(), l.TypedSpec()
			in, ok := configured[name]

			if ok && in.Ignore || !ok && !s.Physical() && s.Type != network.LinkLoopback {
				continue
			}

			spec := network.LinkSpecSpec{Name: name, Up: true, Type: s.Type, Kind: s.Kind, ConfigLayer: network.LayerDefault}
			if ok {
				spec.ConfigLayer, spec.MTU = network.LayerConfiguration, uint32(max(in.MTU, 0))
			}

			out := network.NewLinkSpec(network.ConfigNamespace, network.LayeredID(spec.ConfigLayer, name))
			if err := safe.WriterModify(ctx, r, out, func(out *network.LinkSpec) error {
				*out.TypedSpec() = spec

				return nil
			}); err != nil {
				return fmt.Errorf("write link: %w", err)
			}

			if err := writeStatic(ctx, r, name, in); err != nil {
				logger.Error("static network configuration", zap.String("link", name), zap.Error(err))
			}
		}

		return nil
	}, base.Kind(network.ConfigNamespace, network.LinkSpecType), base.Kind(network.ConfigNamespace, network.AddressSpecType),
		base.Kind(network.ConfigNamespace, network.RouteSpecType))
}

func writeStatic(ctx context.Context, r controller.Runtime, link string, in v1alpha1.Interface) error {
	var errs []error

	for _, text := range in.Addresses {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			// The documentation allows an address alone: a host route's.
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}

		if err != nil {
			errs = append(errs, err)

			continue
		}

		spec := network.AddressSpecSpec{
			Address: p, LinkName: link, Family: familyOf(p.Addr()), Scope: network.ScopeGlobal, Flags: network.AddressPermanent,
			ConfigLayer: network.LayerConfiguration,
		}

		out := network.NewAddressSpec(network.ConfigNamespace, network.LayeredID(spec.ConfigLayer, network.AddressID(link, p)))
		errs = append(errs, safe.WriterModify(ctx, r, out, func(out *network.AddressSpec) error {
			*out.TypedSpec() = spec

			return nil
		}))
	}

	for _, route := range in.Routes {
		spec, err := staticRoute(link, route)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		out := network.NewRouteSpec(network.ConfigNamespace, network.LayeredID(spec.ConfigLayer, spec.ID()))
		errs = append(errs, safe.WriterModify(ctx, r, out, func(out *network.RouteSpec) error {
			*out.TypedSpec() = spec

			return nil
		}))
	}

	return errors.Join(errs...)
}

func staticRoute(link string, in v1alpha1.Route) (network.RouteSpecSpec, error) {
	spec := network.RouteSpecSpec{
		Family: network.FamilyInet4, OutLinkName: link, Table: network.TableMain, Priority: in.Metric, Type: network.RouteUnicast,
		Protocol: network.ProtocolStatic, ConfigLayer: network.LayerConfiguration, MTU: in.MTU, Scope: network.ScopeGlobal,
	}

	if spec.Priority == 0 {
		spec.Priority = defaultMetric
	}

	var err error

	if in.Gateway != "" {
		if spec.Gateway, err = netip.ParseAddr(in.Gateway); err != nil {
			return spec, fmt.Errorf("gateway: %w", err)
		}

		spec.Family = familyOf(spec.Gateway)
	} else {
		spec.Scope = network.ScopeLink
	}

	if in.Source != "" {
		if spec.Source, err = netip.ParseAddr(in.Source); err != nil {
			return spec, fmt.Errorf("source: %w", err)
		}
	}

	if in.Network != "" {
		if spec.Destination, err = netip.ParsePrefix(in.Network); err != nil {
			return spec, fmt.Errorf("network: %w", err)
		}

		spec.Family = familyOf(spec.Destination.Addr())

		if spec.Destination = spec.Destination.Masked(); spec.Destination.Bits() == 0 {
			spec.Destination = netip.Prefix{}
		}
	}

	return spec, nil
}

func familyOf(a netip.Addr) network.Family {
	if a.Is4() {
		return network.FamilyInet4
	}

	return network.FamilyInet6
}

// OperatorConfigController wishes a DHCPv4 client on every physical link that
// the configuration does not give addresses to.
type OperatorConfigController struct{}

// Name implements controller.Controller.
func (*OperatorConfigController) Name() string { return "network.OperatorConfigController" }

// Inputs implements controller.Controller.
func (*OperatorConfigController) Inputs() []controller.Input {
	return []controller.Input{base.Weak(network.Namespace, network.LinkStatusType), config.Input()}
}

// Outputs implements controller.Controller.
func (*OperatorConfigController) Outputs() []controller.Output {
	return base.Shared(network.OperatorSpecType)
}

// Run implements controller.Controller.
func (*OperatorConfigController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil {
			return err
		}

		configured, links, err := interfaces(ctx, r, cfg)
		if err != nil {
			return err
		}

		for _, l := range links {
			name := l.Metadata().ID()
			in, ok := configured[name]
			spec := network.OperatorSpecSpec{
				Operator: network.OperatorDHCP4, LinkName: name, RequireUp: true,
				DHCP4: network.DHCP4OperatorSpec{RouteMetric: defaultMetric},
			}

			if ok {
				if in.Ignore || !v1alpha1.Bool(in.DHCP, false) || !v1alpha1.Bool(in.DHCPOptions.IPv4, true) {
					continue
				}

				spec.ConfigLayer = network.LayerConfiguration
				if in.DHCPOptions.RouteMetric != 0 {
					spec.DHCP4.RouteMetric = in.DHCPOptions.RouteMetric
				}
			} else if !l.TypedSpec().Physical() {
				continue
			}

			out := network.NewOperatorSpec(network.ConfigNamespace, network.LayeredID(spec.ConfigLayer, network.OperatorID(spec.Operator, name)))
			if err := safe.WriterModify(ctx, r, out, func(out *network.OperatorSpec) error {
				*out.TypedSpec() = spec

				return nil
			}); err != nil {
				return fmt.Errorf("write operator: %w", err)
			}
		}

		return nil
	}, base.Kind(network.ConfigNamespace, network.OperatorSpecType))
}
