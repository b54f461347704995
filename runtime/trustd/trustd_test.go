package trustd_test

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/wire"
	"github.com/akmon-os/akmon/runtime/services/machined"
	"github.com/akmon-os/akmon/runtime/trustd"
)

const token = "abcdef.0123456789abcdef"

// controlPlane is machined's socket and the process trustd, both in this test.
type controlPlane struct {
	state state.State
	ca    *pki.Authority
	caPEM []byte
	addr  string
}

func start(t *testing.T) *controlPlane {
	t.Helper()

	st, err := resources.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	ca, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	cp := &controlPlane{state: st, ca: ca, caPEM: pair.Crt}

	root := secrets.NewOSRoot()
	*root.TypedSpec() = secrets.OSRootSpec{IssuingCA: &wire.KeyPair{Crt: pair.Crt, Key: pair.Key}, Token: token}

	if err := st.Create(t.Context(), root); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "trust", "s")
	svc := &machined.Service{Sockets: []machined.Socket{{Path: path, UID: os.Getuid(), Server: func() *grpc.Server {
		s := api.NewStateServer(st, secrets.TrustdType)
		securityapi.RegisterSecurityServiceServer(s, &trustd.Issuer{State: st, Logger: zap.NewNop(), Lifetime: time.Hour})

		return s
	}}}}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	up, listening := make(chan struct{}), make(chan string, 1)

	go func() { done <- svc.Run(ctx, io.Discard, func(int) { close(up) }) }()

	<-up

	go func() {
		done <- trustd.Run(ctx, trustd.Options{Socket: path, Listen: "127.0.0.1:0", Listening: func(a string) { listening <- a }}, zap.NewNop())
	}()

	t.Cleanup(func() {
		cancel()

		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})

	// trustd waits for its certificate.
	served := secrets.NewTrustd()
	served.TypedSpec().Server = cp.serve(t)

	if err := st.Create(t.Context(), served); err != nil {
		t.Fatal(err)
	}

	cp.addr = <-listening

	return cp
}

func (cp *controlPlane) serve(t *testing.T) *wire.KeyPair {
	t.Helper()

	p, err := cp.ca.Issue(pki.Request{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Server: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	return &wire.KeyPair{Crt: p.Crt, Key: p.Key}
}

var worker = pki.Request{
	CommonName: "w1.example.org", Organization: []string{"os:admin"}, DNSNames: []string{"w1"},
	IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}, Client: true, Lifetime: 1000 * time.Hour,
}

func TestCertificate(t *testing.T) {
	cp := start(t)

	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	nobody := unused.Addr().String()
	unused.Close() //nolint:errcheck

	client := trustd.Client{Endpoints: []string{nobody, cp.addr}, Token: token, CAs: [][]byte{cp.caPEM}}

	pair, err := client.Certificate(t.Context(), worker)
	if err != nil {
		t.Fatal(err)
	}

	crt, err := pki.ParseCertificate(pair.Crt)
	if err != nil {
		t.Fatal(err)
	}

	// A server's certificate and nothing more, however much was asked for.
	if diff := cmp.Diff(struct {
		Name  string
		Roles []string
		DNS   []string
		IPs   string
		Usage []x509.ExtKeyUsage
		CA    bool
	}{"w1.example.org", nil, []string{"w1"}, "[10.0.0.9]", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false}, struct {
		Name  string
		Roles []string
		DNS   []string
		IPs   string
		Usage []x509.ExtKeyUsage
		CA    bool
	}{crt.Subject.CommonName, crt.Subject.Organization, crt.DNSNames, strings.ReplaceAll(netAddrs(crt.IPAddresses), ",", " "), crt.ExtKeyUsage, crt.IsCA}); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}

	if time.Until(crt.NotAfter) > time.Hour {
		t.Errorf("it lives until %s", crt.NotAfter)
	}

	// New certificates come into force without a restart.
	next := cp.serve(t)

	if _, err := safe.StateUpdateWithConflicts(t.Context(), cp.state, secrets.NewTrustd().Metadata(), func(r *secrets.Trustd) error {
		r.TypedSpec().Server = next

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	if _, err := client.Certificate(t.Context(), worker); err != nil {
		t.Error(err)
	}
}

func netAddrs(ips []net.IP) string {
	var out []string
	for _, ip := range ips {
		out = append(out, ip.String())
	}

	return "[" + strings.Join(out, ",") + "]"
}

func TestRefusals(t *testing.T) {
	cp := start(t)

	_, foreign, err := pki.NewAuthority("foreign", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		client trustd.Client
		want   string
	}{
		"wrong token":      {trustd.Client{Endpoints: []string{cp.addr}, Token: "wrong", CAs: [][]byte{cp.caPEM}}, "the token is not that of this cluster"},
		"no token":         {trustd.Client{Endpoints: []string{cp.addr}, CAs: [][]byte{cp.caPEM}}, "the token is not that of this cluster"},
		"wrong authority":  {trustd.Client{Endpoints: []string{cp.addr}, Token: token, CAs: [][]byte{foreign.Crt}}, "certificate signed by unknown authority"},
		"no authority":     {trustd.Client{Endpoints: []string{cp.addr}, Token: token, CAs: [][]byte{[]byte("x")}}, "is not a certificate"},
		"no endpoint":      {trustd.Client{Token: token, CAs: [][]byte{cp.caPEM}}, "no control plane gave a certificate"},
		"endpoint is host": {trustd.Client{Endpoints: []string{"host"}, Token: token, CAs: [][]byte{cp.caPEM}}, "missing port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.client.Certificate(t.Context(), worker)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}

	// A machine that has lost its authority's key signs nothing.
	if _, err := safe.StateUpdateWithConflicts(t.Context(), cp.state, secrets.NewOSRoot().Metadata(), func(r *secrets.OSRoot) error {
		r.TypedSpec().IssuingCA.Key = nil

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	client := trustd.Client{Endpoints: []string{cp.addr}, Token: token, CAs: [][]byte{cp.caPEM}}
	if _, err := client.Certificate(t.Context(), worker); err == nil || !strings.Contains(err.Error(), "is no control plane") {
		t.Errorf("got %v", err)
	}
}
