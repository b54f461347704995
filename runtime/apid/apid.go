package apid

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siderolabs/grpc-proxy/proxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/authz"
	"github.com/akmon-os/akmon/runtime/pki"
)

// Port is the documented port of the machine API.
const Port = "50000"

// Identity is what apid serves and calls with. It is replaced as a whole.
type Identity struct {
	Server tls.Certificate
	// Client is for calls to other nodes; without it they are refused.
	Client *tls.Certificate
	// CAs sign clients, and the servers of other nodes.
	CAs *x509.CertPool
}

// NewIdentity reads an identity from PEM; client may be nil.
func NewIdentity(server pki.Pair, client *pki.Pair, cas [][]byte) (*Identity, error) {
	id := &Identity{CAs: x509.NewCertPool()}

	var err error

	if id.Server, err = server.TLS(); err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}

	if client != nil {
		c, err := client.TLS()
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}

		id.Client = &c
	}

	for _, ca := range cas {
		crt, err := pki.ParseCertificate(ca)
		if err != nil {
			return nil, fmt.Errorf("accepted CA: %w", err)
		}

		id.CAs.AddCert(crt)
	}

	return id, nil
}

// Server is the front door. It is safe for concurrent use.
type Server struct {
	grpc  *grpc.Server
	local *grpc.ClientConn

	identity atomic.Pointer[Identity]
	names    atomic.Pointer[[]string]

	mu      sync.Mutex
	remotes map[string]remote
}

type remote struct {
	conn     *grpc.ClientConn
	identity *Identity
}

// New makes a server that passes local calls on to the Unix socket at path.
func New(path string, id *Identity) (*Server, error) {
	local, err := grpc.NewClient("unix://"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(proxy.Codec()), grpc.MaxCallRecvMsgSize(api.MaxMessage)))
	if err != nil {
		return nil, fmt.Errorf("connect to machined: %w", err)
	}

	s := &Server{local: local, remotes: map[string]remote{}}
	s.SetIdentity(id)
	s.SetNames(nil)

	s.grpc = grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, GetConfigForClient: s.config,
		})),
		grpc.ForceServerCodecV2(proxy.Codec()),
		grpc.MaxRecvMsgSize(api.MaxMessage),
		grpc.MaxConcurrentStreams(128),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 2 * time.Minute, Timeout: 20 * time.Second}),
		grpc.UnknownServiceHandler(proxy.TransparentHandler(s.direct, proxy.WithStreamedDetector(streamed))),
	)

	return s, nil
}

// SetIdentity replaces certificates and authorities for new connections.
func (s *Server) SetIdentity(id *Identity) { s.identity.Store(id) }

// SetNames says by which addresses and names callers mean this node.
func (s *Server) SetNames(names []string) { s.names.Store(&names) }

// config makes the TLS configuration of one connection: who has no certificate
// of an accepted authority gets no further than the handshake.
func (s *Server) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	id := s.identity.Load()

	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
		Certificates: []tls.Certificate{id.Server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.CAs,
		// A ticket would outlive the authority that it was given under.
		SessionTicketsDisabled: true,
	}, nil
}

// Serve serves until ctx ends; calls then have grace to end.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, s.grpc.Stop)
		defer timer.Stop()

		s.grpc.GracefulStop()
	})
	defer stop()

	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	for _, r := range s.remotes {
		r.conn.Close() //nolint:errcheck
	}

	return s.local.Close()
}

// roles are those of the caller's certificate; a node that passes a call on has
// those of its own caller.
func roles(ctx context.Context) (authz.Roles, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "the caller is not known")
	}

	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil, status.Error(codes.Unauthenticated, "the caller has no certificate")
	}

	own := authz.Parse(info.State.PeerCertificates[0].Subject.Organization)
	if !own.Has(authz.Impersonator) {
		return own, nil
	}

	md, _ := metadata.FromIncomingContext(ctx)

	return authz.Parse(md.Get(authz.MetadataKey)), nil
}

// direct implements proxy.StreamDirector.
func (s *Server) direct(ctx context.Context, method string) (proxy.Mode, []proxy.Backend, error) {
	r, err := roles(ctx)
	if err != nil {
		return 0, nil, err
	}

	md, _ := metadata.FromIncomingContext(ctx)
	nodes, node := md.Get("nodes"), md.Get("node")

	switch {
	case len(nodes) > 0 && len(node) > 0:
		return 0, nil, status.Error(codes.InvalidArgument, "metadata has both node and nodes")
	case len(node) > 1:
		return 0, nil, status.Error(codes.InvalidArgument, "metadata has more than one node")
	case len(node) == 1:
		return proxy.One2One, []proxy.Backend{s.backend(node[0], r)}, nil
	case len(nodes) == 0:
		return proxy.One2One, []proxy.Backend{s.backend("", r)}, nil
	}

	if !joinable(method) {
		if len(nodes) > 1 {
			return 0, nil, status.Errorf(codes.InvalidArgument, "%s answers for one node at a time, not for %d", method, len(nodes))
		}

		return proxy.One2One, []proxy.Backend{s.backend(nodes[0], r)}, nil
	}

	backends := make([]proxy.Backend, 0, len(nodes))
	for _, n := range nodes {
		backends = append(backends, s.backend(n, r))
	}

	return proxy.One2Many, backends, nil
}

func (s *Server) backend(node string, r authz.Roles) *backend {
	if node == "" || s.isLocal(node) {
		return &backend{name: node, roles: r, conn: func() (*grpc.ClientConn, error) { return s.local, nil }}
	}

	return &backend{name: node, roles: r, conn: func() (*grpc.ClientConn, error) { return s.remote(node) }}
}

func (s *Server) isLocal(node string) bool {
	host := strings.Trim(node, "[]")
	if h, port, err := net.SplitHostPort(node); err == nil && port == Port {
		host = h
	}

	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() || host == "localhost" {
		return true
	}

	return slices.Contains(*s.names.Load(), host)
}

// remote returns the connection to another node; it is made anew when the
// identity has changed.
func (s *Server) remote(node string) (*grpc.ClientConn, error) {
	id := s.identity.Load()
	if id.Client == nil {
		return nil, status.Error(codes.Unavailable, "this node can't call other nodes: it has no client certificate")
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	if r, ok := s.remotes[node]; ok {
		if r.identity == id {
			return r.conn, nil
		}

		r.conn.Close() //nolint:errcheck
		delete(s.remotes, node)
	}

	target := node
	if _, _, err := net.SplitHostPort(node); err != nil {
		target = net.JoinHostPort(strings.Trim(node, "[]"), Port)
	}

	conn, err := grpc.NewClient("dns:///"+target,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: id.CAs, Certificates: []tls.Certificate{*id.Client},
		})),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(proxy.Codec()), grpc.MaxCallRecvMsgSize(api.MaxMessage)))
	if err != nil {
		return nil, status.Errorf(codes.Unavailable, "connect to node %s: %v", node, err)
	}

	s.remotes[node] = remote{conn: conn, identity: id}

	return conn, nil
}

var one2many = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, file := range machineapi.TalosAPIdOne2ManyAPIs() {
		services := file.Services()
		for i := range services.Len() {
			out[string(services.Get(i).FullName())] = true
		}
	}

	return out
})

// joinable says whether the answers of many nodes can be joined into one.
func joinable(method string) bool {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")

	return one2many()[service]
}

// streamed says whether a method answers with a stream.
func streamed(method string) bool {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")

	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return false
	}

	m, ok := d.(protoreflect.MethodDescriptor)

	return ok && m.IsStreamingServer()
}
