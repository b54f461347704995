package frontend_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
)

// build runs akmon build of one target into a layout.
func build(t *testing.T, dir, target string, adjust func(*forge.Options)) (*forge.Result, string, error) {
	t.Helper()

	state := t.TempDir()
	o := forge.Options{
		Dir: dir, Targets: []string{target}, Store: filepath.Join(state, "store"), Log: testLog{t},
		Engine:  engine.Options{StateDir: filepath.Join(state, "engine")},
		Outputs: []forge.Output{{Type: engine.OCILayout, Dest: filepath.Join(state, "out")}},
	}
	adjust(&o)

	result, err := forge.Build(t.Context(), o)

	return result, filepath.Join(state, "out", target), err
}

// TestBuilders builds with akmon build in a daemon that is reached in every
// way there is: with the digest that the embedded engine gives.
func TestBuilders(t *testing.T) {
	needRoot(t)
	tool(t, "AKMON_BUILDKITD", "buildkitd")

	s := newSite(t)
	dir := newTree(t, s, "example.org/frontend")
	want := digestOf(t, embedded(t, dir, "app"))

	certs := t.TempDir()
	authority := newAuthority(t, certs)
	authority.issue(t, certs, "server", x509.ExtKeyUsageServerAuth)
	authority.issue(t, certs, "client", x509.ExtKeyUsageClientAuth)
	newAuthority(t, filepath.Join(certs, "other")).issue(t, filepath.Join(certs, "other"), "client", x509.ExtKeyUsageClientAuth)

	tcp := freeAddress(t)
	unix := buildkitd(t, "--addr", "tcp://"+tcp, "--tlscert", filepath.Join(certs, "server.pem"),
		"--tlskey", filepath.Join(certs, "server.key"), "--tlscacert", filepath.Join(certs, "ca.pem"))

	// What reaches a container or a pod is the client of it, which runs
	// `buildctl dial-stdio` in there.
	bin := t.TempDir()
	for name, script := range map[string]string{
		"docker":  `[ "$1 $2 $3" = "exec -i builder" ] && shift 4`,
		"kubectl": `case "$*" in *" exec "*" -i builder -- buildctl dial-stdio") shift $(($# - 1));; *) exit 1;; esac`,
	} {
		text := "#!/bin/sh\n" + script + "\nexec '" + tool(t, "AKMON_BUILDCTL", "buildctl") + "' --addr " + unix + " \"$@\"\n"
		write(t, filepath.Join(bin, name), text)

		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))

	mutual := func(dir string) engine.TLS {
		return engine.TLS{
			CA: filepath.Join(certs, "ca.pem"), Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key"),
		}
	}

	for name, o := range map[string]engine.Options{
		"unix":             {Builder: unix},
		"mTLS":             {Builder: "tcp://" + tcp, TLS: mutual(certs)},
		"docker-container": {Builder: "docker-container://builder"},
		"kube-pod":         {Builder: "kube-pod://builder"},
	} {
		t.Run(name, func(t *testing.T) {
			result, _, err := build(t, dir, "app", func(b *forge.Options) {
				o.StateDir = b.Engine.StateDir
				b.Engine = o
			})
			if err != nil {
				t.Fatal(err)
			}

			if got := result.Targets[0].Digest; got != want {
				t.Errorf("the digest is %s, want %s", got, want)
			}
		})
	}

	for name, tls := range map[string]engine.TLS{
		"no certificate":    {CA: filepath.Join(certs, "ca.pem")},
		"other certificate": mutual(filepath.Join(certs, "other")),
		"unknown authority": {Cert: filepath.Join(certs, "client.pem"), Key: filepath.Join(certs, "client.key")},
	} {
		t.Run(name, func(t *testing.T) {
			var bad *engine.BuilderError
			if _, _, err := build(t, dir, "app", func(b *forge.Options) {
				b.Engine.Builder, b.Engine.TLS = "tcp://"+tcp, tls
			}); !errors.As(err, &bad) {
				t.Errorf("%v, want a BuilderError", err)
			}
		})
	}

	t.Run("failing step", func(t *testing.T) {
		for name, builder := range map[string]string{"embedded": "", "remote": unix} {
			_, _, err := build(t, dir, "broken", func(b *forge.Options) { b.Engine.Builder = builder })

			for _, want := range []string{filepath.Join(dir, "broken/pkg.yaml") + ":8:9: ", "    8 |       - fail 7\n      |         ^"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: no %q in\n%v", name, want, err)
				}
			}
		}
	})
}

// TestCaches writes caches with one builder and reads them with others, which
// then run nothing.
func TestCaches(t *testing.T) {
	needRoot(t)
	tool(t, "AKMON_BUILDKITD", "buildkitd")

	s := newSite(t)
	dir := newTree(t, s, "example.org/frontend")
	local := filepath.Join(t.TempDir(), "cache")

	for name, to := range map[string]string{
		"registry": "type=registry,ref=" + s.host + "/cache:{target}",
		"local":    "type=local,dest=" + local,
	} {
		t.Run(name, func(t *testing.T) {
			from := strings.Replace(to, "dest=", "src=", 1)

			for _, builders := range [][2]string{{"", buildkitd(t)}, {buildkitd(t), ""}} {
				written, first, err := build(t, dir, "app", func(o *forge.Options) {
					o.Engine.Builder = builders[0]
					o.CacheTo = []engine.Cache{cache(t, forge.ParseCacheTo, to)}
				})
				if err != nil {
					t.Fatal(err)
				}

				read, second, err := build(t, dir, "app", func(o *forge.Options) {
					o.Engine.Builder = builders[1]
					o.CacheFrom = []engine.Cache{cache(t, forge.ParseCacheFrom, from)}
				})
				if err != nil {
					t.Fatal(err)
				}

				if written.Executed == 0 || read.Executed != 0 {
					t.Errorf("%d steps ran, then %d", written.Executed, read.Executed)
				}

				if diff := cmp.Diff(contents(t, openLayout(t, first)), contents(t, openLayout(t, second))); diff != "" {
					t.Errorf("what comes from the cache differs (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func cache(t *testing.T, parse func(string) (engine.Cache, error), text string) engine.Cache {
	t.Helper()

	c, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}

	return c
}

func freeAddress(t *testing.T) string {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	return listener.Addr().String()
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority writes ca.pem.
func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()

	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	a.cert = sign(t, template, template, a.key, a.key, filepath.Join(dir, "ca.pem"))

	return a
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(t *testing.T, dir, name string, usage x509.ExtKeyUsage) {
	t.Helper()

	key := newKey(t)
	sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.cert, key, a.key, filepath.Join(dir, name+".pem"))

	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}

	write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey, file string) *x509.Certificate {
	t.Helper()

	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}

	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}

	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))

	return cert
}
