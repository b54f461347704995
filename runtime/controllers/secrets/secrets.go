// Package secrets derives the machine API's certificates from the configuration.
package secrets

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/wire"
)

// Controllers lists the controllers of the domain.
func Controllers() []controller.Controller {
	return []controller.Controller{&RootController{}, &CertSANController{}, &APIController{}}
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

// Lifetime of the machine API's certificates; each is replaced at its half.
const Lifetime = 24 * time.Hour

// impersonator is the role of a node that passes a call on to another.
const impersonator = "os:impersonator"

// APIController issues what apid serves with. A machine without the authority's
// key (a worker) gets its certificates from a control plane's trustd.
type APIController struct{}

// Name implements controller.Controller.
func (*APIController) Name() string { return "secrets.APIController" }

// Inputs implements controller.Controller.
func (*APIController) Inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(secrets.Namespace, secrets.OSRootType, secrets.OSRootID),
		base.WeakID(secrets.Namespace, secrets.CertSANType, secrets.CertSANID),
	}
}

// Outputs implements controller.Controller.
func (*APIController) Outputs() []controller.Output { return base.Exclusive(secrets.APIType) }

// Run implements controller.Controller.
func (*APIController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	renew := time.NewTicker(Lifetime / 2)
	defer renew.Stop()

	due := false

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.EventCh():
		case <-renew.C:
			due = true
		}

		if err := issue(ctx, r, logger, due); err != nil {
			return err
		}

		due = false

		r.ResetRestartBackoff()
	}
}

func issue(ctx context.Context, r controller.Runtime, logger *zap.Logger, due bool) error {
	root, err := safe.ReaderGetByID[*secrets.OSRoot](ctx, r, secrets.OSRootID)
	if state.IsNotFoundError(err) {
		err = r.Destroy(ctx, secrets.NewAPI().Metadata())
		if state.IsNotFoundError(err) {
			err = nil
		}

		return err
	} else if err != nil {
		return fmt.Errorf("get root secrets: %w", err)
	}

	san, err := safe.ReaderGetByID[*secrets.CertSAN](ctx, r, secrets.CertSANID)
	if state.IsNotFoundError(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("get certificate names: %w", err)
	}

	ca := root.TypedSpec().IssuingCA
	if ca == nil || len(ca.Key) == 0 {
		return nil
	}

	if !due && covers(ctx, r, root.TypedSpec(), san.TypedSpec()) {
		return nil
	}

	authority, err := pki.LoadAuthority(pki.Pair{Crt: ca.Crt, Key: ca.Key})
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}

	server, err := authority.Issue(pki.Request{
		CommonName: san.TypedSpec().FQDN, DNSNames: san.TypedSpec().DNSNames, IPs: san.TypedSpec().IPs, Server: true, Lifetime: Lifetime,
	})
	if err != nil {
		return fmt.Errorf("issue server certificate: %w", err)
	}

	client, err := authority.Issue(pki.Request{
		CommonName: san.TypedSpec().FQDN, Organization: []string{impersonator}, Client: true, Lifetime: Lifetime,
	})
	if err != nil {
		return fmt.Errorf("issue client certificate: %w", err)
	}

	logger.Info("API certificates issued", zap.Stringers("addresses", san.TypedSpec().IPs), zap.Strings("names", san.TypedSpec().DNSNames))

	return safe.WriterModify(ctx, r, secrets.NewAPI(), func(out *secrets.API) error {
		*out.TypedSpec() = secrets.APISpec{
			AcceptedCAs: root.TypedSpec().DeepCopy().AcceptedCAs,
			Server:      &wire.KeyPair{Crt: server.Crt, Key: server.Key},
			Client:      &wire.KeyPair{Crt: client.Crt, Key: client.Key},
		}

		return nil
	})
}

// covers says whether the certificate that is there still serves: same
// authorities, same names, more than half of its life left.
func covers(ctx context.Context, r controller.Reader, root *secrets.OSRootSpec, san *secrets.CertSANSpec) bool {
	api, err := safe.ReaderGetByID[*secrets.API](ctx, r, secrets.APIID)
	if err != nil || api.TypedSpec().Server == nil {
		return false
	}

	equal := slices.EqualFunc(api.TypedSpec().AcceptedCAs, root.AcceptedCAs, func(a, b wire.Certificate) bool {
		return slices.Equal(a.Crt, b.Crt)
	})
	if !equal {
		return false
	}

	crt, err := pki.ParseCertificate(api.TypedSpec().Server.Crt)
	if err != nil || time.Until(crt.NotAfter) < Lifetime/2 {
		return false
	}

	var ips []netip.Addr

	for _, ip := range crt.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			ips = append(ips, a.Unmap())
		}
	}

	return slices.Equal(ips, san.IPs) && slices.Equal(crt.DNSNames, san.DNSNames)
}
