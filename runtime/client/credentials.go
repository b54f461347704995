package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/akmon-os/akmon/schemas/clientconfig"
)

// ErrExpired is in the error about a client certificate whose time is over.
var ErrExpired = errors.New("the client certificate has expired")

// mutualTLS makes the TLS configuration of a context, and tells the roles
// (its O attributes) in its certificate.
func mutualTLS(context *clientconfig.Context, now func() time.Time) (*tls.Config, []string, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, Time: now}

	if context.CA != "" {
		ca, err := base64.StdEncoding.DecodeString(context.CA)
		if err != nil {
			return nil, nil, errors.New("the client configuration's ca is not valid base64")
		}

		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, nil, errors.New("the client configuration's ca holds no PEM certificate")
		}
	}

	if context.Crt == "" && context.Key == "" {
		return config, nil, nil
	}

	crt, err := base64.StdEncoding.DecodeString(context.Crt)
	if err != nil {
		return nil, nil, errors.New("the client configuration's crt is not valid base64")
	}

	key, err := base64.StdEncoding.DecodeString(context.Key)
	if err != nil {
		return nil, nil, errors.New("the client configuration's key is not valid base64")
	}

	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, nil, fmt.Errorf("the client configuration's crt and key are no pair: %w", err)
	}

	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, nil, fmt.Errorf("parse the client configuration's crt: %w", err)
	}

	switch at := now(); {
	case at.After(leaf.NotAfter):
		return nil, nil, fmt.Errorf("%w: it was valid until %s; ask an administrator of the cluster for a new one",
			ErrExpired, leaf.NotAfter.UTC().Format(time.RFC3339))
	case at.Before(leaf.NotBefore):
		return nil, nil, fmt.Errorf("the client certificate is valid only from %s on: is this computer's clock right?",
			leaf.NotBefore.UTC().Format(time.RFC3339))
	}

	config.Certificates = []tls.Certificate{pair}

	return config, leaf.Subject.Organization, nil
}

// insecureTLS encrypts without checking who the other side is, but for the
// sums of its certificate, when there are any.
func insecureTLS(fingerprints []string) (*tls.Config, error) {
	var allowed [][sha256.Size]byte

	for _, text := range fingerprints {
		sum, err := parseFingerprint(text)
		if err != nil {
			return nil, err
		}

		allowed = append(allowed, sum)
	}

	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// A machine in maintenance mode has nothing to prove itself with.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(allowed) == 0 {
				return nil
			}

			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if slices.Contains(allowed, sum) {
				return nil
			}

			return fmt.Errorf("the machine's certificate has the fingerprint %s, which is not one of those given",
				base64.StdEncoding.EncodeToString(sum[:]))
		},
	}, nil
}

// parseFingerprint reads base64 (as consoles show it) or hex with or without colons.
func parseFingerprint(text string) (sum [sha256.Size]byte, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(text)
	}

	if err != nil || len(raw) != len(sum) {
		return sum, fmt.Errorf("%q is not a SHA-256 fingerprint in base64 or hex", text)
	}

	return [sha256.Size]byte(raw), nil
}

// handshaker makes connections that tell why the other side ended them.
type handshaker struct {
	credentials.TransportCredentials
}

func (h handshaker) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}

	return alertConn{conn}, info, nil
}

func (h handshaker) Clone() credentials.TransportCredentials {
	return handshaker{h.TransportCredentials.Clone()}
}

// alertConn is a connection whose failed writes tell the TLS alert that the
// other side sent before it closed. With TLS 1.3 a server refuses a client's
// certificate only after the client has finished its handshake (RFC 8446,
// 4.4.2.4), so the first write may meet a closed connection.
type alertConn struct {
	net.Conn
}

func (c alertConn) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	if err == nil {
		return n, nil
	}

	if c.SetReadDeadline(time.Now().Add(time.Second)) == nil {
		_, readErr := c.Read(make([]byte, 1))
		if readErr != nil && strings.Contains(readErr.Error(), "remote error: tls: ") {
			return n, readErr
		}
	}

	return n, err
}
