// Package secrets derives the machine API's certificates from the configuration.
package secrets

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/wire"
	"github.com/akmon-os/akmon/runtime/trustd"
)

// Controllers lists the controllers of the domain.
func Controllers() []controller.Controller {
	return []controller.Controller{&RootController{}, &CertSANController{}, &APIController{TrustdPort: trustd.Port}, &TrustdController{}}
}

// RootController takes the root of trust out of the configuration.
type RootController struct{}

// Name implements controller.Controller.
func (*RootController) Name() string { return "secrets.RootController" }

// Inputs implements controller.Controller.
func (*RootController) Inputs() []controller.Input { return []controller.Input{config.Input()} }

// Outputs implements controller.Controller.
func (*RootController) Outputs() []controller.Output { return base.Exclusive(secrets.OSRootType) }

// Run implements controller.Controller.
func (*RootController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil || cfg == nil {
			return err
		}

		spec := secrets.OSRootSpec{
			IssuingCA:   &wire.KeyPair{Crt: wire.PEM(cfg.Machine.CA.Crt), Key: wire.PEM(cfg.Machine.CA.Key)},
			AcceptedCAs: []wire.Certificate{{Crt: wire.PEM(cfg.Machine.CA.Crt)}},
			Token:       cfg.Machine.Token,
		}

		for _, ca := range cfg.Machine.AcceptedCAs {
			spec.AcceptedCAs = append(spec.AcceptedCAs, wire.Certificate{Crt: wire.PEM(ca.Crt)})
		}

		for _, san := range cfg.Machine.CertSANs {
			if ip, err := netip.ParseAddr(san); err == nil {
				spec.CertSANIPs = append(spec.CertSANIPs, ip)
			} else {
				spec.CertSANDNSNames = append(spec.CertSANDNSNames, san)
			}
		}

		return safe.WriterModify(ctx, r, secrets.NewOSRoot(), func(out *secrets.OSRoot) error {
			*out.TypedSpec() = spec

			return nil
		})
	}, base.Kind(secrets.Namespace, secrets.OSRootType))
}

// CertSANController lists the names under which the machine can be called: its
// addresses and names, the configured ones, and the loopback, through which
// tunnels and forwarded ports come.
type CertSANController struct{}

// Name implements controller.Controller.
func (*CertSANController) Name() string { return "secrets.CertSANController" }

// Inputs implements controller.Controller.
func (*CertSANController) Inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(secrets.Namespace, secrets.OSRootType, secrets.OSRootID),
		base.WeakID(network.Namespace, network.HostnameStatusType, network.HostnameID),
		base.WeakID(network.Namespace, network.NodeAddressType, network.NodeAddressCurrent),
	}
}

// Outputs implements controller.Controller.
func (*CertSANController) Outputs() []controller.Output { return base.Exclusive(secrets.CertSANType) }

// Run implements controller.Controller.
func (*CertSANController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		root, err := safe.ReaderGetByID[*secrets.OSRoot](ctx, r, secrets.OSRootID)
		if state.IsNotFoundError(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("get root secrets: %w", err)
		}

		spec := secrets.CertSANSpec{
			IPs:      append(slices.Clone(root.TypedSpec().CertSANIPs), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")),
			DNSNames: append(slices.Clone(root.TypedSpec().CertSANDNSNames), "localhost"),
		}

		if addrs, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressCurrent); err == nil {
			spec.IPs = append(spec.IPs, addrs.TypedSpec().IPs()...)
		}

		if name, err := safe.ReaderGetByID[*network.HostnameStatus](ctx, r, network.HostnameID); err == nil {
			spec.DNSNames = append(spec.DNSNames, name.TypedSpec().Hostname, name.TypedSpec().FQDN())
			spec.FQDN = name.TypedSpec().FQDN()
		}

		slices.SortFunc(spec.IPs, netip.Addr.Compare)
		slices.Sort(spec.DNSNames)
		spec.IPs, spec.DNSNames = slices.Compact(spec.IPs), slices.Compact(spec.DNSNames)

		return safe.WriterModify(ctx, r, secrets.NewCertSAN(), func(out *secrets.CertSAN) error {
			*out.TypedSpec() = spec

			return nil
		})
	}, base.Kind(secrets.Namespace, secrets.CertSANType))
}
