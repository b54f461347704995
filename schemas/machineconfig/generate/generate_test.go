package generate_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// counter is a source of bytes that is the same each time.
type counter byte

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		*c++
		p[i] = byte(*c)
	}

	return len(p), nil
}

// renew makes the secrets anew at most once in a run.
var renew sync.Once

// secrets are fixed: ECDSA keys can't be made twice. With -update they are new.
func secrets(t *testing.T) *generate.Secrets {
	t.Helper()

	path := filepath.Join("testdata", "secrets.yaml")

	if *update {
		renew.Do(func() { writeSecrets(t, path) })
	}

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	s, err := generate.DecodeSecrets(path, data)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func writeSecrets(t *testing.T, path string) {
	t.Helper()

	s, err := generate.NewSecrets(now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGolden(t *testing.T) {
	fixed := secrets(t)

	for _, test := range []struct {
		name string
		in   generate.Input
	}{
		{"plain", generate.Input{ClusterName: "demo", Endpoint: "https://10.0.0.1"}},
		{"options", generate.Input{
			ClusterName: "demo", Endpoint: "https://[fd00::1]:443/", ClientEndpoints: []string{"10.0.0.1"},
			AdditionalSANs: []string{"10.0.0.9", "api.example.org"}, DNSDomain: "example.org", InstallDisk: "/dev/vda",
			InstallImage: "registry.example.org/installer:v1", KubeSpan: true,
			RegistryMirrors: map[string][]string{"docker.io": {"https://mirror.example.org"}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.in.Secrets, test.in.Now, test.in.Random = fixed, now, new(counter)

			bundle, err := generate.Generate(test.in)
			if err != nil {
				t.Fatal(err)
			}

			for name, encode := range map[string]func() ([]byte, error){
				"controlplane.yaml": bundle.ControlPlane.Encode, "worker.yaml": bundle.Worker.Encode, "talosconfig": bundle.Client.Encode,
			} {
				got, err := encode()
				if err != nil {
					t.Fatal(err)
				}

				golden(t, filepath.Join("testdata", test.name, name), got)

				if name == "talosconfig" {
					continue
				}

				if _, _, err := machineconfig.Decode(name, got); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()

	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestSecrets(t *testing.T) {
	s, err := generate.NewSecrets(now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	for name, token := range map[string]string{"bootstrap": s.Secrets.BootstrapToken, "trustd": s.TrustdInfo.Token} {
		if !regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`).MatchString(token) {
			t.Errorf("%s token %q", name, token)
		}
	}

	if s.Secrets.BootstrapToken == s.TrustdInfo.Token {
		t.Error("the tokens are the same")
	}

	if id, err := base64.URLEncoding.DecodeString(s.Cluster.ID); err != nil || len(id) != 32 {
		t.Errorf("cluster id %q", s.Cluster.ID)
	}

	for _, ca := range []struct {
		name    string
		crt     []byte
		subject string
	}{
		{"os", s.Certs.OS.Crt, "talos"}, {"k8s", s.Certs.K8s.Crt, "kubernetes"}, {"etcd", s.Certs.Etcd.Crt, "etcd"},
		{"aggregator", s.Certs.K8sAggregator.Crt, ""},
	} {
		crt := parse(t, ca.crt)
		if !crt.IsCA || !crt.NotAfter.Equal(now.Add(generate.AuthorityLifetime)) || strings.Join(crt.Subject.Organization, "") != ca.subject {
			t.Errorf("authority %s: %v, %v until %v", ca.name, crt.IsCA, crt.Subject, crt.NotAfter)
		}
	}

	if _, ok := parse(t, s.Certs.OS.Crt).PublicKey.(ed25519.PublicKey); !ok {
		t.Error("the machine's authority is not Ed25519")
	}

	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}

	again, err := generate.DecodeSecrets("f", data)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(s, again); diff != "" {
		t.Error(diff)
	}
}

func parse(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()

	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatal("no PEM")
	}

	crt, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}

	return crt
}

func TestClientCertificate(t *testing.T) {
	s := secrets(t)

	crtPEM, keyPEM, err := generate.ClientCertificate(now, new(counter), s.Certs.OS, time.Hour, generate.RoleReader, generate.RoleOperator)
	if err != nil {
		t.Fatal(err)
	}

	crt := parse(t, crtPEM)

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Certs.OS.Crt)

	if _, err := crt.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(time.Minute), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}

	if _, err := crt.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(time.Minute), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a client's certificate can be a server's")
	}

	if diff := cmp.Diff([]string{"os:reader", "os:operator"}, crt.Subject.Organization); diff != "" {
		t.Error(diff)
	}

	key, err := machineconfig.ParsePrivateKey(keyPEM)
	if err != nil {
		t.Fatal(err)
	}

	if !key.Public().(ed25519.PublicKey).Equal(crt.PublicKey) {
		t.Error("the key is not the certificate's")
	}

	// Not longer than the authority.
	long, _, err := generate.ClientCertificate(now, new(counter), s.Certs.OS, 2*generate.AuthorityLifetime, generate.RoleAdmin)
	if err != nil {
		t.Fatal(err)
	}

	if got := parse(t, long).NotAfter; got.After(parse(t, s.Certs.OS.Crt).NotAfter) {
		t.Errorf("valid until %v", got)
	}
}

func TestGenerateRefuses(t *testing.T) {
	good := generate.Input{ClusterName: "a", Endpoint: "https://10.0.0.1:6443", Now: now, Random: rand.Reader}

	for name, change := range map[string]func(*generate.Input){
		"a cluster needs a name":                      func(in *generate.Input) { in.ClusterName = "" },
		`the endpoint "10.0.0.1" is not a URL`:        func(in *generate.Input) { in.Endpoint = "10.0.0.1" },
		`the endpoint "http://a" is not a URL`:        func(in *generate.Input) { in.Endpoint = "http://a" },
		`has more than https://HOST[:PORT]`:           func(in *generate.Input) { in.Endpoint = "https://a/b" },
		`machine.certSANs[0]: "a b" is neither an IP`: func(in *generate.Input) { in.AdditionalSANs = []string{"a b"} },
		"the mesh needs cluster.discovery":            func(in *generate.Input) { in.KubeSpan, in.NoDiscovery = true, true },
		"has a port that is not from 1":               func(in *generate.Input) { in.Endpoint = "https://a:99999" },
		"needs a time and a source of randomness":     func(in *generate.Input) { in.Random = nil },
		"make secrets": func(in *generate.Input) { in.Random = iotest.ErrReader(os.ErrClosed) },
	} {
		in := good
		change(&in)

		if _, err := generate.Generate(in); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}

	if _, err := generate.DecodeSecrets("f", []byte("cluster: {id: x}\n")); err == nil {
		t.Error("half of the secrets were taken")
	}

	if _, err := generate.DecodeSecrets("f", []byte("trustdinfo: {tokn: s3cret}\n")); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

// The workers' configuration must not hold what only control planes may know.
func TestWorkersKnowNoKeys(t *testing.T) {
	bundle, err := generate.Generate(generate.Input{ClusterName: "a", Endpoint: "https://a", Now: now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}

	data, err := bundle.Worker.Encode()
	if err != nil {
		t.Fatal(err)
	}

	c := bundle.Secrets.Certs
	for name, key := range map[string][]byte{"os": c.OS.Key, "k8s": c.K8s.Key, "etcd": c.Etcd.Key, "aggregator": c.K8sAggregator.Key, "service account": c.K8sServiceAccount.Key} {
		if bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString(key))) {
			t.Errorf("the worker's configuration holds the key %s", name)
		}
	}

	if strings.Contains(string(data), bundle.Secrets.Secrets.SecretboxEncryptionSecret) {
		t.Error("the worker's configuration holds the encryption secret")
	}
}

func FuzzDecodeSecrets(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "secrets.yaml"))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(data)

	f.Fuzz(func(_ *testing.T, data []byte) {
		if s, err := generate.DecodeSecrets("f", data); err == nil {
			_, _ = s.Encode()
		}
	})
}
