package trustd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/pki"
)

// Port is where trustd listens, as documented.
const Port = "50001"

// Client asks control planes for certificates.
type Client struct {
	// Endpoints are host:port of control planes' trustd, asked in turn.
	Endpoints []string
	// Token is the machine's token; CAs are PEM certificates, of which one must
	// have signed what trustd serves with.
	Token string
	CAs   [][]byte
}

// Certificate makes a key and has its request signed by the first endpoint that
// answers; the answer must fit the key and come from an accepted authority. The
// error tells of every endpoint.
func (c *Client) Certificate(ctx context.Context, req pki.Request) (pki.Pair, error) {
	roots := x509.NewCertPool()
	for _, ca := range c.CAs {
		if !roots.AppendCertsFromPEM(ca) {
			return pki.Pair{}, errors.New("an accepted authority is not a certificate")
		}
	}

	csr, key, err := pki.NewRequest(req)
	if err != nil {
		return pki.Pair{}, err
	}

	errs := []error{errors.New("no control plane gave a certificate")}

	for _, endpoint := range c.Endpoints {
		pair, err := c.ask(ctx, endpoint, roots, csr, key)
		if err == nil {
			return pair, nil
		}

		errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
	}

	return pki.Pair{}, errors.Join(errs...)
}

func (c *Client) ask(ctx context.Context, endpoint string, roots *x509.CertPool, csr, key []byte) (pki.Pair, error) {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return pki.Pair{}, fmt.Errorf("endpoint: %w", err)
	}

	conn, err := grpc.NewClient("passthrough:///"+endpoint, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: host,
	})))
	if err != nil {
		return pki.Pair{}, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	// The token leaves this machine only over a connection to a control plane:
	// the handshake comes before the call.
	resp, err := securityapi.NewSecurityServiceClient(conn).Certificate(
		metadata.AppendToOutgoingContext(ctx, tokenKey, c.Token), &securityapi.CertificateRequest{Csr: csr})
	if err != nil {
		return pki.Pair{}, fmt.Errorf("ask: %w", err)
	}

	pair := pki.Pair{Crt: bytes.Clone(resp.GetCrt()), Key: key}

	leaf, err := pair.TLS()
	if err != nil {
		return pki.Pair{}, fmt.Errorf("the answer: %w", err)
	}

	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
		return pki.Pair{}, fmt.Errorf("the answer: %w", err)
	}

	if !pki.Belongs(leaf.Leaf, leaf.PrivateKey) {
		return pki.Pair{}, errors.New("the answer: the certificate is of another key")
	}

	return pair, nil
}
