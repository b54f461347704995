package secrets_test

import (
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/secrets"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
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

func TestWorkerHasNoAuthority(t *testing.T) {
	st := ctest.Start(t, ctrl.Controllers()...)

	if err := st.Create(t.Context(), config.NewMachineConfig(text(t, generated(t).Worker))); err != nil {
		t.Fatal(err)
	}

	ctest.Wait(t, st, secrets.NewCertSAN(), func(*secrets.CertSAN) bool { return true })

	root := ctest.Wait(t, st, secrets.NewOSRoot(), func(*secrets.OSRoot) bool { return true })
	if len(root.TypedSpec().IssuingCA.Key) != 0 {
		t.Error("a worker has the authority's key")
	}
}
