package machineconfig

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// authority checks a certificate authority: the certificate must be one, and
// the key, where there is one, must be its key.
func (v *validator) authority(p path, ca v1alpha1.CertificateAndKey) {
	var cert *x509.Certificate

	if len(ca.Crt) > 0 {
		cert = v.certificate(p.join("crt"), ca.Crt)
		if cert != nil && !cert.IsCA {
			v.fail(p.join("crt"), "the certificate is not that of a certificate authority")
		}
	}

	if len(ca.Key) == 0 {
		return
	}

	if len(ca.Crt) == 0 {
		v.fail(p, "there is a key but no certificate")
	}

	key, err := ParsePrivateKey(ca.Key)
	if err != nil {
		v.fail(p.join("key"), "%v", err)

		return
	}

	public, comparable := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if cert != nil && comparable && !public.Equal(cert.PublicKey) {
		v.fail(p.join("key"), "the key does not belong to the certificate")
	}
}

func (v *validator) certificate(p path, data []byte) *x509.Certificate {
	block, rest := pem.Decode(data)

	switch {
	case block == nil:
		v.fail(p, "there is no PEM block in it")

		return nil
	case block.Type != "CERTIFICATE":
		v.fail(p, "there is a PEM block of type %q in it, not a CERTIFICATE", block.Type)

		return nil
	case len(bytes.TrimSpace(rest)) > 0:
		v.fail(p, "there is more than one PEM block in it")

		return nil
	}

	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		v.fail(p, "not a certificate: %v", err)

		return nil
	}

	return cert
}

func (v *validator) privateKey(p path, data []byte) {
	if len(data) == 0 {
		return
	}

	if _, err := ParsePrivateKey(data); err != nil {
		v.fail(p, "%v", err)
	}
}

// acceptedCAs checks further roots.
func (v *validator) acceptedCAs(p path, list []v1alpha1.Certificate) {
	for i, ca := range list {
		if len(ca.Crt) == 0 {
			v.fail(p.join(i), "the certificate is missing")

			continue
		}

		v.certificate(p.join(i, "crt"), ca.Crt)
	}
}

// ParsePrivateKey reads a PEM private key in any of the forms that
// configurations hold: PKCS #8 (RFC 5208; also under the label "ED25519
// PRIVATE KEY"), SEC 1 ("EC PRIVATE KEY", RFC 5915) and PKCS #1 ("RSA PRIVATE
// KEY", RFC 8017). Its errors don't repeat the key.
func ParsePrivateKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("there is no PEM block in it")
	}

	var (
		key any
		err error
	)

	switch block.Type {
	case "PRIVATE KEY", "ED25519 PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("there is a PEM block of type %q in it, not a private key", block.Type)
	}

	if err != nil {
		return nil, errors.New("not a private key of a known form")
	}

	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T can't sign", key)
	}

	return signer, nil
}
