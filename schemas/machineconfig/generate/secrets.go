package generate

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// Secrets are what the configurations of one cluster share and nobody else may
// know. Kept in a file they let more nodes be added later.
type Secrets struct {
	Cluster struct {
		ID     string `yaml:"id"`
		Secret string `yaml:"secret"`
	} `yaml:"cluster"`
	Secrets struct {
		BootstrapToken            string `yaml:"bootstraptoken"`
		AESCBCEncryptionSecret    string `yaml:"aescbcencryptionsecret,omitempty"`
		SecretboxEncryptionSecret string `yaml:"secretboxencryptionsecret,omitempty"`
	} `yaml:"secrets"`
	TrustdInfo struct {
		Token string `yaml:"token"`
	} `yaml:"trustdinfo"`
	Certs struct {
		Etcd              v1alpha1.CertificateAndKey `yaml:"etcd"`
		K8s               v1alpha1.CertificateAndKey `yaml:"k8s"`
		K8sAggregator     v1alpha1.CertificateAndKey `yaml:"k8saggregator"`
		K8sServiceAccount v1alpha1.Key               `yaml:"k8sserviceaccount"`
		OS                v1alpha1.CertificateAndKey `yaml:"os"`
	} `yaml:"certs"`
}

// NewSecrets makes the secrets of a new cluster. Authorities are valid from now.
func NewSecrets(now time.Time, random io.Reader) (*Secrets, error) {
	s := &Secrets{}

	var err error

	for _, text := range []struct {
		to   *string
		make func(io.Reader) (string, error)
	}{
		{&s.Cluster.ID, randomURLBase64},
		{&s.Cluster.Secret, randomBase64},
		{&s.Secrets.BootstrapToken, newToken},
		{&s.Secrets.SecretboxEncryptionSecret, randomBase64},
		{&s.TrustdInfo.Token, newToken},
	} {
		if *text.to, err = text.make(random); err != nil {
			return nil, fmt.Errorf("make secrets: %w", err)
		}
	}

	for _, ca := range []struct {
		to      *v1alpha1.CertificateAndKey
		subject pkix.Name
		ecdsa   bool
	}{
		{&s.Certs.Etcd, pkix.Name{Organization: []string{"etcd"}}, true},
		{&s.Certs.K8s, pkix.Name{Organization: []string{"kubernetes"}}, true},
		{&s.Certs.K8sAggregator, pkix.Name{CommonName: "front-proxy"}, true},
		{&s.Certs.OS, pkix.Name{Organization: []string{"talos"}}, false},
	} {
		if *ca.to, err = newAuthority(now, random, ca.subject, ca.ecdsa); err != nil {
			return nil, err
		}
	}

	if _, s.Certs.K8sServiceAccount.Key, err = newKey(random, true); err != nil {
		return nil, err
	}

	return s, nil
}

// DecodeSecrets reads what Encode, or `talosctl gen secrets`, wrote; file is
// its name in messages. The error is a [document.Errors] without the lines of
// the file, which are secrets.
func DecodeSecrets(file string, data []byte) (*Secrets, error) {
	s := &Secrets{}

	if err := document.Decode(file, data, s); err != nil {
		errs := document.Join(file, err)
		for _, e := range errs {
			e.Text = ""
		}

		return nil, errs
	}

	if len(s.Certs.OS.Crt) == 0 || len(s.Certs.OS.Key) == 0 || s.TrustdInfo.Token == "" {
		return nil, document.Errors{{File: file, Message: "these are not the secrets of a cluster: certs.os or trustdinfo.token is missing"}}
	}

	return s, nil
}

// Encode writes the secrets as YAML.
func (s *Secrets) Encode() ([]byte, error) {
	data, err := yaml.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode secrets: %w", err)
	}

	return data, nil
}

// newToken makes a token of the form xxxxxx.xxxxxxxxxxxxxxxx, which is also
// the form of Kubernetes' bootstrap tokens. 22 characters of 36 are 113 bits.
func newToken(random io.Reader) (string, error) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

	token := make([]byte, 0, 23)
	one := make([]byte, 1)

	for len(token) < 23 {
		if len(token) == 6 {
			token = append(token, '.')
		}

		if _, err := io.ReadFull(random, one); err != nil {
			return "", err
		}

		// Larger bytes would make the first characters likelier than others.
		if limit := 256 / len(alphabet) * len(alphabet); int(one[0]) < limit {
			token = append(token, alphabet[int(one[0])%len(alphabet)])
		}
	}

	return string(token), nil
}

func randomBytes(random io.Reader) ([]byte, error) {
	raw := make([]byte, 32)
	_, err := io.ReadFull(random, raw)

	return raw, err
}

func randomBase64(random io.Reader) (string, error) {
	raw, err := randomBytes(random)

	return base64.StdEncoding.EncodeToString(raw), err
}

func randomURLBase64(random io.Reader) (string, error) {
	raw, err := randomBytes(random)

	return base64.URLEncoding.EncodeToString(raw), err
}
