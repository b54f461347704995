package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/pki"
)

func TestIssue(t *testing.T) {
	ca, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	p, err := ca.Issue(pki.Request{
		CommonName: "n", Organization: []string{"os:reader"}, DNSNames: []string{"n"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Server: true, Client: true, Lifetime: 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}

	crt, err := pki.ParseCertificate(p.Crt)
	if err != nil {
		t.Fatal(err)
	}

	root, err := pki.ParseCertificate(pair.Crt)
	if err != nil {
		t.Fatal(err)
	}

	if crt.NotAfter.After(root.NotAfter) {
		t.Error("the certificate outlives its authority")
	}

	pool := x509.NewCertPool()
	pool.AddCert(root)

	for _, name := range []string{"n", "10.0.0.1"} {
		if _, err := crt.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	if _, err := p.TLS(); err != nil {
		t.Error(err)
	}
}

func TestLoadAuthorityRefuses(t *testing.T) {
	ca, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	_, other, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	leaf, err := ca.Issue(pki.Request{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	for name, p := range map[string]pki.Pair{
		"another key": {Crt: pair.Crt, Key: other.Key}, "not an authority": leaf, "no key": {Crt: pair.Crt}, "nothing": {},
		"a key for a certificate": {Crt: pair.Key, Key: pair.Key},
		"a certificate for a key": {Crt: pair.Crt, Key: pair.Crt},
	} {
		_, err := pki.LoadAuthority(p)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}

	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	for typ, der := range map[string][]byte{"EC PRIVATE KEY": sec1, "RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(rs)} {
		if _, err := pki.ParseKey(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestOpenSSLReads has another program read what we write.
func TestOpenSSLReads(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}

	_, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), openssl, "x509", "-noout", "-text")
	cmd.Stdin = strings.NewReader(string(pair.Crt))

	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "CA:TRUE") || !strings.Contains(string(out), "ED25519") {
		t.Errorf("%v\n%s", err, out)
	}
}

func FuzzParse(f *testing.F) {
	_, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		f.Fatal(err)
	}

	f.Add(pair.Crt)
	f.Add(pair.Key)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))

	f.Fuzz(func(_ *testing.T, data []byte) {
		pki.ParseCertificate(data) //nolint:errcheck
		pki.ParseKey(data)         //nolint:errcheck
	})
}

func TestSignServer(t *testing.T) {
	ca, pair, err := pki.NewAuthority("test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}

	csr, key, err := pki.NewRequest(pki.Request{CommonName: "w", DNSNames: []string{"w"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	crt, names, err := ca.SignServer(csr, time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"w"}, names); diff != "" {
		t.Error(diff)
	}

	leaf, err := pki.Pair{Crt: crt, Key: key}.TLS()
	if err != nil || !pki.Belongs(leaf.Leaf, leaf.PrivateKey) {
		t.Errorf("the certificate is of another key: %v", err)
	}

	if time.Until(leaf.Leaf.NotAfter) > time.Minute {
		t.Error("the certificate outlives its authority")
	}

	// A request whose signature does not prove the key.
	block, _ := pem.Decode(csr)
	block.Bytes[len(block.Bytes)-1] ^= 1

	for name, bad := range map[string][]byte{
		"nothing": nil, "a certificate": pair.Crt, "not DER": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")}),
		"forged": pem.EncodeToMemory(block),
	} {
		if _, _, err := ca.SignServer(bad, time.Hour); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
}
