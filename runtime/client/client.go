package client

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	stateclient "github.com/cosi-project/runtime/pkg/state/protobuf/client"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/akmon-os/akmon/schemas/clientconfig"
)

// DefaultPort is where a machine serves its API.
const DefaultPort = 50000

// MaxMessage bounds a message from a machine, in bytes.
const MaxMessage = 32 << 20

// dialTimeout bounds one attempt to connect to one endpoint.
const dialTimeout = 10 * time.Second

// Options say whom to talk to, and as whom.
type Options struct {
	// Endpoints are host or host:port; they win over those of Context.
	Endpoints []string
	// Context has the certificates, from the client configuration. It may be
	// nil when Insecure is set.
	Context *clientconfig.Context
	// Insecure talks to a machine in maintenance mode: encrypted, but nobody
	// is who they say, unless Fingerprints tell.
	Insecure bool
	// Fingerprints are SHA-256 sums of the certificates that a machine in
	// maintenance mode may show, as base64 or hex; empty means any.
	Fingerprints []string
	// Now is the clock for checking certificates; nil means time.Now.
	Now func() time.Time
}

// Client is a connection to the machine API. It is safe for concurrent use.
// Close it when done.
type Client struct {
	conn      *grpc.ClientConn
	endpoints []string
	insecure  bool
	roles     []string
}

// New makes a client. It fails on what can be seen without the network, such
// as an expired certificate; connecting happens at the first call.
func New(opts Options) (*Client, error) {
	endpoints := opts.Endpoints
	if len(endpoints) == 0 && opts.Context != nil {
		endpoints = opts.Context.Endpoints
	}

	if len(endpoints) == 0 {
		return nil, errors.New("no endpoint is known: name one with --endpoints, or put it into the client configuration with `config endpoint`")
	}

	c := &Client{insecure: opts.Insecure}

	var addresses []resolver.Address

	for _, endpoint := range endpoints {
		host, port, err := splitEndpoint(endpoint)
		if err != nil {
			return nil, err
		}

		address := net.JoinHostPort(host, port)
		c.endpoints = append(c.endpoints, address)
		// The certificate is checked against the host alone.
		addresses = append(addresses, resolver.Address{Addr: address, ServerName: host})
	}

	creds, err := c.credentials(opts)
	if err != nil {
		return nil, err
	}

	// A resolver of our own: the endpoints are one list, tried in turn.
	endpointList := manual.NewBuilderWithScheme("endpoints")
	endpointList.InitialState(resolver.State{Addresses: addresses})

	c.conn, err = grpc.NewClient("endpoints:///machine",
		grpc.WithTransportCredentials(creds),
		grpc.WithResolvers(endpointList),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: dialTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
	)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", strings.Join(c.endpoints, ", "), err)
	}

	return c, nil
}

func (c *Client) credentials(opts Options) (credentials.TransportCredentials, error) {
	if opts.Insecure {
		config, err := insecureTLS(opts.Fingerprints)
		if err != nil {
			return nil, err
		}

		return handshaker{credentials.NewTLS(config)}, nil
	}

	if opts.Context == nil {
		return nil, errors.New("there is no client configuration: make one with `gen config`, or use --insecure for a machine in maintenance mode")
	}

	now := time.Now
	if opts.Now != nil {
		now = opts.Now
	}

	config, roles, err := mutualTLS(opts.Context, now)
	if err != nil {
		return nil, err
	}

	c.roles = roles

	return handshaker{credentials.NewTLS(config)}, nil
}

// splitEndpoint reads host, host:port, an IPv6 address with or without
// brackets, and [address]:port.
func splitEndpoint(endpoint string) (host, port string, err error) {
	if strings.Contains(endpoint, "://") {
		return "", "", fmt.Errorf("the endpoint %q is a URL: write HOST or HOST:PORT", endpoint)
	}

	host, port, splitErr := net.SplitHostPort(endpoint)
	if splitErr != nil {
		host, port = strings.Trim(endpoint, "[]"), strconv.Itoa(DefaultPort)
	}

	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 || host == "" {
		return "", "", fmt.Errorf("the endpoint %q is neither HOST nor HOST:PORT", endpoint)
	}

	return host, port, nil
}

// Close ends the connection and all calls on it.
func (c *Client) Close() error { return c.conn.Close() }

// Conn is the connection, for services that have no method here.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Endpoints are the addresses that the client connects to, as host:port.
func (c *Client) Endpoints() []string { return c.endpoints }

// Roles are the roles in the client's certificate; none in maintenance mode.
func (c *Client) Roles() []string { return c.roles }

// Machine is the service of the machine itself.
func (c *Client) Machine() machine.MachineServiceClient {
	return machine.NewMachineServiceClient(c.conn)
}

// State reads and watches resources. Watches are not resumed by themselves:
// who watches sees that the machine went away.
func (c *Client) State() state.State {
	return state.WrapCore(stateclient.NewAdapter(v1alpha1.NewStateClient(c.conn), stateclient.WithDisableWatchRetry()))
}
