// Package pki issues and reads the certificates of the machine API. Keys are
// Ed25519, as in machine configurations; ECDSA and RSA authorities are accepted.
package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Pair is a certificate with its private key, both PEM.
type Pair struct{ Crt, Key []byte }

// PEM types. Private keys of machine configurations are PKCS #8 in a block that
// names the algorithm.
const (
	typeCertificate = "CERTIFICATE"
	typeEd25519     = "ED25519 PRIVATE KEY"
	typeRequest     = "CERTIFICATE REQUEST"
)

// backdate forgives clocks that are a little behind.
const backdate = 5 * time.Minute

// Request says what a certificate should say.
type Request struct {
	CommonName string
	// Organization holds the roles of a client.
	Organization []string
	DNSNames     []string
	IPs          []netip.Addr
	Server       bool
	Client       bool
	Lifetime     time.Duration
}

// Authority issues certificates.
type Authority struct {
	crt *x509.Certificate
	key crypto.Signer
}

// LoadAuthority reads an authority and checks that the key is the certificate's.
func LoadAuthority(p Pair) (*Authority, error) {
	crt, err := ParseCertificate(p.Crt)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}

	if !crt.IsCA {
		return nil, errors.New("CA certificate: it is not an authority's")
	}

	key, err := ParseKey(p.Key)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}

	if !Belongs(crt, key) {
		return nil, errors.New("CA key does not belong to the CA certificate")
	}

	return &Authority{crt: crt, key: key}, nil
}

// NewAuthority makes an authority with a new key.
func NewAuthority(name string, lifetime time.Duration) (*Authority, Pair, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("generate key: %w", err)
	}

	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{name}}, NotBefore: now.Add(-backdate), NotAfter: now.Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}

	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("sign authority: %w", err)
	}

	p, err := encode(der, key)
	if err != nil {
		return nil, Pair{}, err
	}

	a, err := LoadAuthority(p)

	return a, p, err
}

// Issue makes a certificate with a new key. It never outlives the authority.
func (a *Authority) Issue(req Request) (Pair, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("generate key: %w", err)
	}

	template := req.template()
	if template.NotAfter.After(a.crt.NotAfter) {
		template.NotAfter = a.crt.NotAfter
	}

	der, err := x509.CreateCertificate(rand.Reader, template, a.crt, pub, a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate: %w", err)
	}

	return encode(der, key)
}

// NewRequest makes a key and a request for a certificate of it (PKCS #10), both
// PEM. Lifetime and usage are for the authority to say.
func NewRequest(req Request) (csr, key []byte, err error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate key: %w", err)
	}

	template := req.template()

	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: template.Subject, DNSNames: template.DNSNames, IPAddresses: template.IPAddresses,
	}, private)
	if err != nil {
		return nil, nil, fmt.Errorf("sign request: %w", err)
	}

	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}

	return pem.EncodeToMemory(&pem.Block{Type: typeRequest, Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: typeEd25519, Bytes: pkcs8}), nil
}

// SignServer makes a server's certificate from a PEM request whose signature
// proves the key. Only the common name, the DNS names and the addresses of the
// request are taken over: no roles, no usage, no extension. names lists what the
// certificate covers.
func (a *Authority) SignServer(csr []byte, lifetime time.Duration) (crt []byte, names []string, err error) {
	block, _ := pem.Decode(csr)
	if block == nil || block.Type != typeRequest {
		return nil, nil, errors.New("no PEM certificate request")
	}

	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse certificate request: %w", err)
	}

	if err := request.CheckSignature(); err != nil {
		return nil, nil, fmt.Errorf("certificate request: %w", err)
	}

	template := Request{CommonName: request.Subject.CommonName, DNSNames: request.DNSNames, Server: true, Lifetime: lifetime}.template()
	template.IPAddresses = request.IPAddresses

	if template.NotAfter.After(a.crt.NotAfter) {
		template.NotAfter = a.crt.NotAfter
	}

	der, err := x509.CreateCertificate(rand.Reader, template, a.crt, request.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}

	names = slices.Clone(request.DNSNames)
	for _, ip := range request.IPAddresses {
		names = append(names, ip.String())
	}

	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: der}), names, nil
}

// Belongs says whether the certificate is of the private key.
func Belongs(crt *x509.Certificate, key crypto.PrivateKey) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}

	pub, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })

	return ok && pub.Equal(crt.PublicKey)
}

// SelfSigned makes a certificate that nobody vouches for.
func SelfSigned(req Request) (Pair, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("generate key: %w", err)
	}

	template := req.template()

	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate: %w", err)
	}

	return encode(der, key)
}

func (r Request) template() *x509.Certificate {
	now := time.Now()
	out := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: r.CommonName, Organization: r.Organization},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(r.Lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		DNSNames: r.DNSNames,
	}

	for _, ip := range r.IPs {
		out.IPAddresses = append(out.IPAddresses, net.IP(ip.AsSlice()))
	}

	if r.Server {
		out.ExtKeyUsage = append(out.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}

	if r.Client {
		out.ExtKeyUsage = append(out.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}

	return out
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return big.NewInt(time.Now().UnixNano())
	}

	return n
}

func encode(der []byte, key ed25519.PrivateKey) (Pair, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode key: %w", err)
	}

	return Pair{
		Crt: pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: der}),
		Key: pem.EncodeToMemory(&pem.Block{Type: typeEd25519, Bytes: pkcs8}),
	}, nil
}

// ParseCertificate reads the first certificate of a PEM text.
func ParseCertificate(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != typeCertificate {
		return nil, errors.New("no PEM certificate")
	}

	crt, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}

	return crt, nil
}

// ParseKey reads a PEM private key: PKCS #8 whatever the block calls it, PKCS #1
// or SEC 1.
func ParseKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM private key")
	}

	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}

	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}

	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}

	// The block's text is never part of the message.
	return nil, errors.New("not a private key in a known form")
}

// TLS makes a pair usable by crypto/tls.
func (p Pair) TLS() (tls.Certificate, error) {
	crt, err := ParseCertificate(p.Crt)
	if err != nil {
		return tls.Certificate{}, err
	}

	key, err := ParseKey(p.Key)
	if err != nil {
		return tls.Certificate{}, err
	}

	return tls.Certificate{Certificate: [][]byte{crt.Raw}, PrivateKey: key, Leaf: crt}, nil
}
