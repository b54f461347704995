package secrets_test

import (
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/secrets"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/trustd"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

func generated(t *testing.T) *generate.Bundle {
	t.Helper()

	b, err := generate.Generate(generate.Input{
		ClusterName: "test", Endpoint: "https://10.0.0.1:6443", Now: time.Now(), Random: rand.Reader, AdditionalSANs: []string{"vip.example.org", "192.0.2.7"},
	})
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func text(t *testing.T, c *machineconfig.Config) []byte {
	t.Helper()

	data, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func TestControlPlane(t *testing.T) {
	st := ctest.Start(t, ctrl.Controllers()...)
	bundle := generated(t)

	name := network.NewHostnameStatus()
	*name.TypedSpec() = network.HostnameStatusSpec{Hostname: "cp", Domainname: "example.org"}

	addrs := network.NewNodeAddress(network.NodeAddressCurrent)
	addrs.TypedSpec().Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.2.15/24")}

	if err := st.Create(t.Context(), name); err != nil {
		t.Fatal(err)
	}

	if err := st.Create(t.Context(), addrs); err != nil {
		t.Fatal(err)
	}

	if err := st.Create(t.Context(), config.NewMachineConfig(text(t, bundle.ControlPlane))); err != nil {
		t.Fatal(err)
	}

	verify := func(want []string) {
		ctest.Wait(t, st, secrets.NewAPI(), func(api *secrets.API) bool {
			crt, err := pki.ParseCertificate(api.TypedSpec().Server.Crt)
			if err != nil {
				t.Error(err)

				return true
			}

			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(bundle.ControlPlane.Machine.CA.Crt)

			for _, n := range want {
				if _, err := crt.Verify(x509.VerifyOptions{Roots: roots, DNSName: n}); err != nil {
					return false // an earlier certificate, before all names were known
				}
			}

			client, err := pki.ParseCertificate(api.TypedSpec().Client.Crt)
			if err != nil || !slices.Equal(client.Subject.Organization, []string{"os:impersonator"}) {
				t.Errorf("client certificate: %v, %v", client, err)
			}

			return true
		})
	}

	verify([]string{"cp", "cp.example.org", "localhost", "10.0.2.15", "127.0.0.1", "::1", "vip.example.org", "192.0.2.7"})

	// A new address gives a new certificate.
	if _, err := safe.StateUpdateWithConflicts(t.Context(), st, addrs.Metadata(), func(r *network.NodeAddress) error {
		r.TypedSpec().Addresses = append(r.TypedSpec().Addresses, netip.MustParsePrefix("10.0.3.15/24"))

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	verify([]string{"10.0.3.15"})
}

// TestWorker gets a certificate from a control plane that serves on this host.
func TestWorker(t *testing.T) {
	bundle := generated(t)
	cp := ctest.Start(t, ctrl.Controllers()...)

	if err := cp.Create(t.Context(), config.NewMachineConfig(text(t, bundle.ControlPlane))); err != nil {
		t.Fatal(err)
	}

	ctest.Wait(t, cp, secrets.NewTrustd(), func(*secrets.Trustd) bool { return true })

	port := serveTrust(t, cp)
	st := ctest.Start(t, &ctrl.RootController{}, &ctrl.CertSANController{}, &ctrl.APIController{TrustdPort: port}, &ctrl.TrustdController{})

	bundle.Worker.Cluster.ControlPlane.Endpoint = "https://127.0.0.1:6443"

	if err := st.Create(t.Context(), config.NewMachineConfig(text(t, bundle.Worker))); err != nil {
		t.Fatal(err)
	}

	root := ctest.Wait(t, st, secrets.NewOSRoot(), func(*secrets.OSRoot) bool { return true })
	if len(root.TypedSpec().IssuingCA.Key) != 0 {
		t.Error("a worker has the authority's key")
	}

	api := ctest.Wait(t, st, secrets.NewAPI(), func(*secrets.API) bool { return true })
	if api.TypedSpec().Client != nil {
		t.Error("a worker can call other nodes")
	}

	crt, err := pki.ParseCertificate(api.TypedSpec().Server.Crt)
	if err != nil {
		t.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle.Worker.Machine.CA.Crt)

	if _, err := crt.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
		t.Error(err)
	}

	if _, err := st.Get(t.Context(), secrets.NewTrustd().Metadata()); !state.IsNotFoundError(err) {
		t.Errorf("a worker has a certificate for trustd: %v", err)
	}
}

// serveTrust is trustd without its process and socket.
func serveTrust(t *testing.T, st state.State) (port string) {
	t.Helper()

	served, err := safe.StateGetByID[*secrets.Trustd](t.Context(), st, secrets.TrustdID)
	if err != nil {
		t.Fatal(err)
	}

	crt, err := pki.Pair{Crt: served.TypedSpec().Server.Crt, Key: served.TypedSpec().Server.Key}.TLS()
	if err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&crt)))
	securityapi.RegisterSecurityServiceServer(server, &trustd.Issuer{State: st, Logger: zap.NewNop(), Lifetime: ctrl.Lifetime})

	go server.Serve(l) //nolint:errcheck

	t.Cleanup(server.Stop)

	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	return port
}
