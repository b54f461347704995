package generate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// Lifetimes of certificates, as documented.
const (
	// AuthorityLifetime is how long a cluster's authorities are valid.
	AuthorityLifetime = 10 * 365 * 24 * time.Hour
	// ClientLifetime is how long an administrator's certificate is valid
	// unless told otherwise.
	ClientLifetime = 365 * 24 * time.Hour
)

// Roles that a client certificate may carry, as its O attributes.
const (
	RoleAdmin        = "os:admin"
	RoleOperator     = "os:operator"
	RoleReader       = "os:reader"
	RoleEtcdBackup   = "os:etcd:backup"
	RoleImpersonator = "os:impersonator"
)

// newKey makes an Ed25519 or an ECDSA P-256 key in its PEM form.
func newKey(random io.Reader, ecdsaKey bool) (crypto.Signer, []byte, error) {
	if ecdsaKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), random)
		if err != nil {
			return nil, nil, fmt.Errorf("make an ECDSA key: %w", err)
		}

		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, nil, fmt.Errorf("encode an ECDSA key: %w", err)
		}

		return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	}

	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, nil, fmt.Errorf("make an Ed25519 key: %w", err)
	}

	key := ed25519.NewKeyFromSeed(seed)

	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode an Ed25519 key: %w", err)
	}

	return key, pem.EncodeToMemory(&pem.Block{Type: "ED25519 PRIVATE KEY", Bytes: der}), nil
}

func newSerial(random io.Reader) (*big.Int, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}

	raw[0] &= 0x7f // a serial number is positive (RFC 5280, 4.1.2.2)
	raw[15] |= 1   // and not zero

	return new(big.Int).SetBytes(raw), nil
}

// newAuthority makes a self-signed certificate authority.
func newAuthority(now time.Time, random io.Reader, subject pkix.Name, ecdsaKey bool) (v1alpha1.CertificateAndKey, error) {
	key, keyPEM, err := newKey(random, ecdsaKey)
	if err != nil {
		return v1alpha1.CertificateAndKey{}, err
	}

	serial, err := newSerial(random)
	if err != nil {
		return v1alpha1.CertificateAndKey{}, err
	}

	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return v1alpha1.CertificateAndKey{}, fmt.Errorf("encode a public key: %w", err)
	}

	id := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               subject,
		NotBefore:             now,
		NotAfter:              now.Add(AuthorityLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		SubjectKeyId:          id[:20],
	}

	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return v1alpha1.CertificateAndKey{}, fmt.Errorf("sign an authority: %w", err)
	}

	return v1alpha1.CertificateAndKey{Crt: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Key: keyPEM}, nil
}

// ClientCertificate makes a certificate for a client of the machine API, with
// the roles as its O attributes, and its Ed25519 key; both are PEM. It is
// valid from now, but never longer than the authority.
func ClientCertificate(now time.Time, random io.Reader, ca v1alpha1.CertificateAndKey, lifetime time.Duration, roles ...string) (crt, key []byte, err error) {
	block, _ := pem.Decode(ca.Crt)
	if block == nil {
		return nil, nil, fmt.Errorf("the authority's certificate is not PEM")
	}

	parent, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse the authority's certificate: %w", err)
	}

	signer, err := machineconfig.ParsePrivateKey(ca.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("parse the authority's key: %w", err)
	}

	public, key, err := newKey(random, false)
	if err != nil {
		return nil, nil, err
	}

	serial, err := newSerial(random)
	if err != nil {
		return nil, nil, err
	}

	end := now.Add(lifetime)
	if end.After(parent.NotAfter) {
		end = parent.NotAfter
	}

	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: roles},
		NotBefore:    now,
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}

	der, err := x509.CreateCertificate(random, template, parent, public.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign a client certificate: %w", err)
	}

	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, nil
}
