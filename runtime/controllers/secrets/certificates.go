package secrets

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/wire"
	"github.com/akmon-os/akmon/runtime/trustd"
)

// Lifetime of the machine API's certificates; each is replaced at its half.
const Lifetime = 24 * time.Hour

// impersonator is the role of a node that passes a call on to another.
const impersonator = "os:impersonator"

// names is what certificates are issued from: the root of trust and the names
// of the machine. Without a configuration root is nil; without names san is.
type names struct {
	root *secrets.OSRootSpec
	san  *secrets.CertSANSpec
}

func inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(secrets.Namespace, secrets.OSRootType, secrets.OSRootID),
		base.WeakID(secrets.Namespace, secrets.CertSANType, secrets.CertSANID),
	}
}

func read(ctx context.Context, r controller.Reader) (n names, err error) {
	root, err := safe.ReaderGetByID[*secrets.OSRoot](ctx, r, secrets.OSRootID)
	if state.IsNotFoundError(err) {
		return n, nil
	} else if err != nil {
		return n, fmt.Errorf("get root secrets: %w", err)
	}

	n.root = root.TypedSpec()

	san, err := safe.ReaderGetByID[*secrets.CertSAN](ctx, r, secrets.CertSANID)
	if state.IsNotFoundError(err) {
		return n, nil
	} else if err != nil {
		return n, fmt.Errorf("get certificate names: %w", err)
	}

	n.san = san.TypedSpec()

	return n, nil
}

// authority is nil on a machine that does not have the authority's key.
func (n names) authority() (*pki.Authority, error) {
	ca := n.root.IssuingCA
	if ca == nil || len(ca.Key) == 0 {
		return nil, nil //nolint:nilnil // a worker
	}

	authority, err := pki.LoadAuthority(pki.Pair{Crt: ca.Crt, Key: ca.Key})
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}

	return authority, nil
}

func (n names) server() pki.Request {
	return pki.Request{CommonName: n.san.FQDN, DNSNames: n.san.DNSNames, IPs: n.san.IPs, Server: true, Lifetime: Lifetime}
}

// covered says whether the certificate that is there still serves: same
// authorities, same names, more than half of its life left.
func (n names) covered(accepted []wire.Certificate, server *wire.KeyPair) bool {
	equal := slices.EqualFunc(accepted, n.root.AcceptedCAs, func(a, b wire.Certificate) bool {
		return slices.Equal(a.Crt, b.Crt)
	})
	if !equal || server == nil {
		return false
	}

	crt, err := pki.ParseCertificate(server.Crt)
	if err != nil || time.Until(crt.NotAfter) < Lifetime/2 {
		return false
	}

	var ips []netip.Addr

	for _, ip := range crt.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			ips = append(ips, a.Unmap())
		}
	}

	return slices.Equal(ips, n.san.IPs) && slices.Equal(crt.DNSNames, n.san.DNSNames)
}

// each calls issue at every change and when a certificate may have reached the
// half of its life.
func each(ctx context.Context, r controller.Runtime, issue func(names) error) error {
	renew := time.NewTicker(Lifetime / 24)
	defer renew.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.EventCh():
		case <-renew.C:
		}

		n, err := read(ctx, r)
		if err != nil {
			return err
		}

		if err := issue(n); err != nil {
			return err
		}

		r.ResetRestartBackoff()
	}
}

// APIController makes what apid serves with. A machine without the authority's
// key (a worker) gets its certificate from a control plane's trustd.
type APIController struct {
	// TrustdPort is where trustd of the cluster's endpoint listens.
	TrustdPort string
}

// Name implements controller.Controller.
func (*APIController) Name() string { return "secrets.APIController" }

// Inputs implements controller.Controller.
func (*APIController) Inputs() []controller.Input { return append(inputs(), config.Input()) }

// Outputs implements controller.Controller.
func (*APIController) Outputs() []controller.Output { return base.Exclusive(secrets.APIType) }

// Run implements controller.Controller.
func (c *APIController) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	return each(ctx, r, func(n names) error {
		if n.root == nil {
			return gone(r.Destroy(ctx, secrets.NewAPI().Metadata()))
		}

		if n.san == nil {
			return nil
		}

		if now, err := safe.ReaderGetByID[*secrets.API](ctx, r, secrets.APIID); err == nil && n.covered(now.TypedSpec().AcceptedCAs, now.TypedSpec().Server) {
			return nil
		}

		spec := secrets.APISpec{AcceptedCAs: slices.Clone(n.root.AcceptedCAs)}

		authority, err := n.authority()
		if err != nil {
			return err
		}

		if authority != nil {
			err = own(authority, n, &spec)
		} else {
			err = c.ask(ctx, r, n, &spec)
		}

		if err != nil {
			return err
		}

		logger.Info("API certificates issued", zap.Stringers("addresses", n.san.IPs), zap.Strings("names", n.san.DNSNames))

		return safe.WriterModify(ctx, r, secrets.NewAPI(), func(out *secrets.API) error {
			*out.TypedSpec() = spec

			return nil
		})
	})
}

// own issues with the machine's own authority; a control plane may call others.
func own(authority *pki.Authority, n names, spec *secrets.APISpec) error {
	server, err := authority.Issue(n.server())
	if err != nil {
		return fmt.Errorf("issue server certificate: %w", err)
	}

	client, err := authority.Issue(pki.Request{
		CommonName: n.san.FQDN, Organization: []string{impersonator}, Client: true, Lifetime: Lifetime,
	})
	if err != nil {
		return fmt.Errorf("issue client certificate: %w", err)
	}

	spec.Server = &wire.KeyPair{Crt: server.Crt, Key: server.Key}
	spec.Client = &wire.KeyPair{Crt: client.Crt, Key: client.Key}

	return nil
}

// ask has the certificate signed by the control plane at the cluster's endpoint.
func (c *APIController) ask(ctx context.Context, r controller.Reader, n names, spec *secrets.APISpec) error {
	cfg, err := config.Active(ctx, r)
	if err != nil || cfg == nil {
		return err
	}

	endpoint, err := url.Parse(cfg.Cluster.ControlPlane.Endpoint)
	if err != nil {
		return fmt.Errorf("cluster endpoint: %w", err)
	}

	client := trustd.Client{Endpoints: []string{net.JoinHostPort(endpoint.Hostname(), c.TrustdPort)}, Token: n.root.Token}
	for _, ca := range n.root.AcceptedCAs {
		client.CAs = append(client.CAs, ca.Crt)
	}

	server, err := client.Certificate(ctx, n.server())
	if err != nil {
		return err
	}

	spec.Server = &wire.KeyPair{Crt: server.Crt, Key: server.Key}

	return nil
}

// TrustdController issues what trustd of a control plane serves with.
type TrustdController struct{}

// Name implements controller.Controller.
func (*TrustdController) Name() string { return "secrets.TrustdController" }

// Inputs implements controller.Controller.
func (*TrustdController) Inputs() []controller.Input { return inputs() }

// Outputs implements controller.Controller.
func (*TrustdController) Outputs() []controller.Output { return base.Exclusive(secrets.TrustdType) }

// Run implements controller.Controller.
func (*TrustdController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return each(ctx, r, func(n names) error {
		var authority *pki.Authority

		if n.root != nil {
			var err error
			if authority, err = n.authority(); err != nil {
				return err
			}
		}

		if authority == nil {
			return gone(r.Destroy(ctx, secrets.NewTrustd().Metadata()))
		}

		if n.san == nil {
			return nil
		}

		if now, err := safe.ReaderGetByID[*secrets.Trustd](ctx, r, secrets.TrustdID); err == nil && n.covered(now.TypedSpec().AcceptedCAs, now.TypedSpec().Server) {
			return nil
		}

		server, err := authority.Issue(n.server())
		if err != nil {
			return fmt.Errorf("issue trustd's certificate: %w", err)
		}

		return safe.WriterModify(ctx, r, secrets.NewTrustd(), func(out *secrets.Trustd) error {
			*out.TypedSpec() = secrets.TrustdSpec{
				AcceptedCAs: slices.Clone(n.root.AcceptedCAs), Server: &wire.KeyPair{Crt: server.Crt, Key: server.Key},
			}

			return nil
		})
	})
}

// gone is the error of a Destroy, which what is not there does not matter to.
func gone(err error) error {
	if state.IsNotFoundError(err) {
		return nil
	}

	return err
}
