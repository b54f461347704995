package network

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/netip"
	"strings"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// HostnameConfigController wishes the names that the configuration, the kernel
// command line and the platform give, and one of its own where none does.
type HostnameConfigController struct{ machineID func() string }

// Name implements controller.Controller.
func (*HostnameConfigController) Name() string { return "network.HostnameConfigController" }

// Inputs implements controller.Controller.
func (*HostnameConfigController) Inputs() []controller.Input {
	return []controller.Input{
		config.Input(),
		base.WeakID(runtime.Namespace, runtime.KernelCmdlineType, runtime.KernelCmdlineID),
		base.WeakID(runtime.Namespace, runtime.PlatformMetadataType, runtime.PlatformMetadataID),
		base.Weak(network.Namespace, network.LinkStatusType),
		base.WeakID(network.Namespace, network.NodeAddressType, network.NodeAddressDefault),
	}
}

// Outputs implements controller.Controller.
func (*HostnameConfigController) Outputs() []controller.Output {
	return base.Shared(network.HostnameSpecType)
}

// Run implements controller.Controller.
func (c *HostnameConfigController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil {
			return err
		}

		args, err := cmdline(ctx, r)
		if err != nil {
			return err
		}

		names := map[network.ConfigLayer]string{}

		if names[network.LayerDefault], err = c.fallback(ctx, r, cfg == nil || cfg.StableHostname()); err != nil {
			return err
		}

		if name, ok := args.Last("talos.hostname"); ok {
			names[network.LayerCmdline] = name
		}

		if platform, err := safe.ReaderGetByID[*runtime.PlatformMetadata](ctx, r, runtime.PlatformMetadataID); err == nil {
			names[network.LayerPlatform] = platform.TypedSpec().Hostname
		}

		if cfg != nil {
			names[network.LayerConfiguration] = cfg.Hostname()
		}

		for layer, name := range names {
			if name == "" {
				continue
			}

			spec := network.HostnameSpecSpec{ConfigLayer: layer}
			if err := spec.ParseFQDN(name); err != nil {
				logger.Error("host name is not usable", zap.Stringer("from", layer), zap.Error(err))

				continue
			}

			out := network.NewHostnameSpec(network.ConfigNamespace, network.LayeredID(layer, network.HostnameID))
			if err := safe.WriterModify(ctx, r, out, func(out *network.HostnameSpec) error {
				*out.TypedSpec() = spec

				return nil
			}); err != nil {
				return fmt.Errorf("write host name: %w", err)
			}
		}

		return nil
	}, base.Kind(network.ConfigNamespace, network.HostnameSpecType))
}

// fallback makes a name. A stable one comes from the machine's identity, as
// talos-xxx-yyy; otherwise it comes from the node's address.
func (c *HostnameConfigController) fallback(ctx context.Context, r controller.Reader, stable bool) (string, error) {
	if !stable {
		addr, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressDefault)
		if state.IsNotFoundError(err) || err == nil && len(addr.TypedSpec().Addresses) == 0 {
			return "", nil
		} else if err != nil {
			return "", fmt.Errorf("get node address: %w", err)
		}

		ip := addr.TypedSpec().Addresses[0].Addr()

		return "talos-" + strings.NewReplacer(".", "-", ":", "-").Replace(ip.StringExpanded()), nil
	}

	id := ""
	if c.machineID != nil {
		id = c.machineID()
	}

	if id == "" {
		links, err := safe.ReaderListAll[*network.LinkStatus](ctx, r)
		if err != nil {
			return "", fmt.Errorf("list links: %w", err)
		}

		for l := range links.All() {
			if l.TypedSpec().Physical() && len(l.TypedSpec().HardwareAddr) > 0 {
				id = l.TypedSpec().HardwareAddr.String()

				break
			}
		}
	}

	if id == "" {
		return "", nil
	}

	return StableHostname(id), nil
}

// StableHostname makes the documented form of name, talos-xxx-yyy, from an
// identity: six digits of base 36, from its SHA-256.
func StableHostname(id string) string {
	sum := sha256.Sum256([]byte(id))
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	text = strings.Repeat("0", max(0, 6-len(text))) + text

	return "talos-" + text[:3] + "-" + text[3:6]
}

// HostnameSpecController gives the kernel its name.
type HostnameSpecController struct {
	set func(host, domain string) error
}

// Name implements controller.Controller.
func (*HostnameSpecController) Name() string { return "network.HostnameSpecController" }

// Inputs implements controller.Controller.
func (*HostnameSpecController) Inputs() []controller.Input {
	return []controller.Input{base.WeakID(network.Namespace, network.HostnameSpecType, network.HostnameID)}
}

// Outputs implements controller.Controller.
func (*HostnameSpecController) Outputs() []controller.Output {
	return base.Exclusive(network.HostnameStatusType)
}

// Run implements controller.Controller.
func (c *HostnameSpecController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	last := network.HostnameStatusSpec{}

	return base.Each(ctx, r, func() error {
		spec, err := safe.ReaderGet[*network.HostnameSpec](ctx, r, network.NewHostnameSpec(network.Namespace, network.HostnameID).Metadata())
		if state.IsNotFoundError(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("get host name: %w", err)
		}

		now := network.HostnameStatusSpec{Hostname: spec.TypedSpec().Hostname, Domainname: spec.TypedSpec().Domainname}
		if now != last {
			if err := c.set(now.Hostname, now.Domainname); err != nil {
				return fmt.Errorf("set host name: %w", err)
			}

			logger.Info("host name", zap.String("name", now.FQDN()), zap.Stringer("from", spec.TypedSpec().ConfigLayer))
			last = now
		}

		return safe.WriterModify(ctx, r, network.NewHostnameStatus(), func(out *network.HostnameStatus) error {
			*out.TypedSpec() = now

			return nil
		})
	}, base.Kind(network.Namespace, network.HostnameStatusType))
}

// ResolverConfigController wishes the configured name servers, and the
// documented defaults where nobody knows any.
type ResolverConfigController struct{}

// defaultResolvers are the documented ones.
var defaultResolvers = []netip.Addr{netip.AddrFrom4([4]byte{1, 1, 1, 1}), netip.AddrFrom4([4]byte{8, 8, 8, 8})}

// Name implements controller.Controller.
func (*ResolverConfigController) Name() string { return "network.ResolverConfigController" }

// Inputs implements controller.Controller.
func (*ResolverConfigController) Inputs() []controller.Input {
	return []controller.Input{config.Input(), base.WeakID(network.Namespace, network.HostnameStatusType, network.HostnameID)}
}

// Outputs implements controller.Controller.
func (*ResolverConfigController) Outputs() []controller.Output {
	return base.Shared(network.ResolverSpecType)
}

// Run implements controller.Controller.
func (*ResolverConfigController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	write := func(spec network.ResolverSpecSpec) error {
		out := network.NewResolverSpec(network.ConfigNamespace, network.LayeredID(spec.ConfigLayer, network.ResolverID))

		return safe.WriterModify(ctx, r, out, func(out *network.ResolverSpec) error {
			*out.TypedSpec() = spec

			return nil
		})
	}

	return base.Each(ctx, r, func() error {
		if err := write(network.ResolverSpecSpec{DNSServers: defaultResolvers, ConfigLayer: network.LayerDefault}); err != nil {
			return fmt.Errorf("write resolvers: %w", err)
		}

		cfg, err := config.Active(ctx, r)
		if err != nil || cfg == nil {
			return err
		}

		spec := network.ResolverSpecSpec{ConfigLayer: network.LayerConfiguration, SearchDomains: cfg.Machine.Network.SearchDomains}

		for _, text := range cfg.Machine.Network.Nameservers {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				logger.Error("name server is not usable", zap.Error(err))

				continue
			}

			spec.DNSServers = append(spec.DNSServers, addr)
		}

		if len(spec.DNSServers) == 0 {
			return nil
		}

		if err := write(spec); err != nil {
			return fmt.Errorf("write resolvers: %w", err)
		}

		return nil
	}, base.Kind(network.ConfigNamespace, network.ResolverSpecType))
}

// ResolverSpecController says which resolvers are in use; the file follows from
// that.
type ResolverSpecController struct{}

// Name implements controller.Controller.
func (*ResolverSpecController) Name() string { return "network.ResolverSpecController" }

// Inputs implements controller.Controller.
func (*ResolverSpecController) Inputs() []controller.Input {
	return []controller.Input{base.WeakID(network.Namespace, network.ResolverSpecType, network.ResolverID)}
}

// Outputs implements controller.Controller.
func (*ResolverSpecController) Outputs() []controller.Output {
	return base.Exclusive(network.ResolverStatusType)
}

// Run implements controller.Controller.
func (*ResolverSpecController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		spec, err := safe.ReaderGet[*network.ResolverSpec](ctx, r, network.NewResolverSpec(network.Namespace, network.ResolverID).Metadata())
		if state.IsNotFoundError(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("get resolvers: %w", err)
		}

		return safe.WriterModify(ctx, r, network.NewResolverStatus(), func(out *network.ResolverStatus) error {
			s := spec.TypedSpec().DeepCopy()
			*out.TypedSpec() = network.ResolverStatusSpec{DNSServers: s.DNSServers, SearchDomains: s.SearchDomains}

			return nil
		})
	}, base.Kind(network.Namespace, network.ResolverStatusType))
}
