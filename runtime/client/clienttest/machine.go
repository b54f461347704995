// Package clienttest serves a machine's API in the test's own process: real
// gRPC, real TLS, real roles and a real resource state, but nothing behind
// them. It is the other side for tests of clients.
package clienttest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/akmon-os/akmon/schemas/clientconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
	runtimev1alpha1 "github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// Machine is the served API.
type Machine struct {
	// Address is where it listens: host:port.
	Address string
	// State holds its resources.
	State state.State
	// Bundle is the cluster's secrets and configurations.
	Bundle *generate.Bundle

	mu      sync.Mutex
	applied [][]byte
	nodes   []string
	actions []string
}

// Options change how a Machine is served.
type Options struct {
	// Maintenance serves without asking for client certificates, with a
	// certificate that nobody signed.
	Maintenance bool
	// NotAfter is the end of the server's certificate; zero means an hour from now.
	NotAfter time.Time
	// SANs are the addresses in the server's certificate; none means 127.0.0.1.
	SANs []net.IP
}

// New makes the secrets of a cluster for a test.
func New(t testing.TB) *generate.Bundle {
	t.Helper()

	bundle, err := generate.Generate(generate.Input{
		ClusterName: "test", Endpoint: "https://127.0.0.1:6443", Now: time.Now().Add(-time.Minute), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}

	return bundle
}

// Serve starts a machine of the cluster; the test's end stops it.
func Serve(t testing.TB, bundle *generate.Bundle, opts Options) *Machine {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	m := &Machine{
		Address: listener.Addr().String(),
		State:   state.WrapCore(namespaced.NewState(inmem.Build)),
		Bundle:  bundle,
	}

	config := &tls.Config{Certificates: []tls.Certificate{serverCertificate(t, bundle, opts)}, MinVersion: tls.VersionTLS12}

	if !opts.Maintenance {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(bundle.Secrets.Certs.OS.Crt)
	}

	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := m.check(ctx, info.FullMethod, opts.Maintenance); err != nil {
				return nil, err
			}

			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := m.check(stream.Context(), info.FullMethod, opts.Maintenance); err != nil {
				return err
			}

			return next(srv, stream)
		}),
	)

	machine.RegisterMachineServiceServer(s, &service{machine: m})
	v1alpha1.RegisterStateServer(s, server.NewState(m.State))

	go s.Serve(listener) //nolint:errcheck // it ends with the test

	t.Cleanup(s.Stop)

	return m
}

// readers are the methods that the role os:reader may call.
var readers = []string{
	"/machine.MachineService/Version", "/machine.MachineService/Dmesg", "/machine.MachineService/Logs",
	"/machine.MachineService/Events", "/machine.MachineService/ServiceList", "/cosi.resource.State/Get",
	"/cosi.resource.State/List", "/cosi.resource.State/Watch",
}

func (m *Machine) check(ctx context.Context, method string, maintenance bool) error {
	md, _ := metadata.FromIncomingContext(ctx)

	m.mu.Lock()
	m.nodes = append(m.nodes, strings.Join(md.Get("node"), ","))
	m.mu.Unlock()

	if node := strings.Join(md.Get("node"), ","); node != "" && node != "127.0.0.1" {
		return status.Errorf(codes.NotFound, "node %q is not a member of the cluster", node)
	}

	if maintenance {
		return nil
	}

	p, _ := peer.FromContext(ctx)
	roles := p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].Subject.Organization //nolint:forcetypeassert,errcheck // it is TLS

	if slices.Contains(roles, generate.RoleAdmin) || slices.Contains(roles, generate.RoleReader) && slices.Contains(readers, method) {
		return nil
	}

	return status.Error(codes.PermissionDenied, "not authorized")
}

// Applied are the configurations that the machine accepted.
func (m *Machine) Applied() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.Clone(m.applied)
}

// Nodes are the names in the metadata "node" of every call so far.
func (m *Machine) Nodes() []string {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.Clone(m.nodes)
}

// Actions are what the machine was told to do, such as reboot.
func (m *Machine) Actions() []string {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.Clone(m.actions)
}

func (m *Machine) did(action string) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.actions = append(m.actions, action)
}

// Context is a client configuration's context for the machine, with a
// certificate for the roles; none means os:admin.
func (m *Machine) Context(t testing.TB, roles ...string) *clientconfig.Context {
	t.Helper()

	if len(roles) == 0 {
		roles = []string{generate.RoleAdmin}
	}

	return Context(t, m.Bundle, m.Address, time.Now().Add(-time.Minute), time.Hour, roles...)
}

// Context is a context for an endpoint, with a certificate of the cluster that
// is valid from begin on for the lifetime.
func Context(t testing.TB, bundle *generate.Bundle, endpoint string, begin time.Time, lifetime time.Duration, roles ...string) *clientconfig.Context {
	t.Helper()

	ca := bundle.Secrets.Certs.OS

	crt, key, err := generate.ClientCertificate(begin, rand.Reader, ca, lifetime, roles...)
	if err != nil {
		t.Fatal(err)
	}

	return &clientconfig.Context{
		Endpoints: []string{endpoint},
		CA:        base64.StdEncoding.EncodeToString(ca.Crt),
		Crt:       base64.StdEncoding.EncodeToString(crt),
		Key:       base64.StdEncoding.EncodeToString(key),
	}
}

func serverCertificate(t testing.TB, bundle *generate.Bundle, opts Options) tls.Certificate {
	t.Helper()

	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "machine"},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     opts.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  opts.SANs,
	}

	if opts.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}

	if len(opts.SANs) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}

	parent, signer := template, any(private)

	if !opts.Maintenance {
		parent, signer = authority(t, bundle.Secrets.Certs.OS)
	}

	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}

	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

func authority(t testing.TB, ca runtimev1alpha1.CertificateAndKey) (*x509.Certificate, any) {
	t.Helper()

	block, _ := pem.Decode(ca.Crt)

	parent, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}

	signer, err := machineconfig.ParsePrivateKey(ca.Key)
	if err != nil {
		t.Fatal(err)
	}

	return parent, signer
}
