package generate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/schemas/clientconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// Defaults of an Input.
const (
	DefaultInstallDisk = "/dev/sda"
	DefaultDNSDomain   = "cluster.local"
)

// Input says what to generate.
type Input struct {
	// ClusterName names the cluster and the context of the client; required.
	ClusterName string
	// Endpoint is the https URL of the Kubernetes API; required. Without a
	// port it gets 6443.
	Endpoint string
	// Secrets are the cluster's; nil makes new ones.
	Secrets *Secrets
	// Now is when certificates begin to be valid; required.
	Now time.Time
	// Random is where keys come from (crypto/rand.Reader); required.
	Random io.Reader
	// ClientEndpoints are the endpoints of the client configuration, host or
	// host:port; there may be none yet.
	ClientEndpoints []string
	// ClientLifetime is how long the administrator's certificate is valid;
	// zero means ClientLifetime.
	ClientLifetime time.Duration
	// AdditionalSANs are added to the certificates of the machine API and of
	// the Kubernetes API.
	AdditionalSANs []string
	// DNSDomain is the cluster's; empty means DefaultDNSDomain.
	DNSDomain string
	// InstallDisk is where to install; empty means DefaultInstallDisk.
	InstallDisk string
	// InstallImage is the installer; empty leaves it to the machine.
	InstallImage string
	// RegistryMirrors maps registries to the URLs of mirrors.
	RegistryMirrors map[string][]string
	// KubeSpan turns on the mesh between nodes.
	KubeSpan bool
	// NoDiscovery turns off cluster discovery.
	NoDiscovery bool
}

// Bundle is everything that a new cluster needs.
type Bundle struct {
	Secrets      *Secrets
	ControlPlane *machineconfig.Config
	Worker       *machineconfig.Config
	Client       *clientconfig.Config
}

// Generate makes a Bundle. The configurations in it are valid in every mode.
func Generate(in Input) (*Bundle, error) {
	if in.ClusterName == "" {
		return nil, errors.New("a cluster needs a name")
	}

	if in.Now.IsZero() || in.Random == nil {
		return nil, errors.New("generating needs a time and a source of randomness")
	}

	endpoint, err := normalEndpoint(in.Endpoint)
	if err != nil {
		return nil, err
	}

	in.Endpoint = endpoint

	if in.Secrets == nil {
		if in.Secrets, err = NewSecrets(in.Now, in.Random); err != nil {
			return nil, err
		}
	}

	client, err := clientConfig(&in)
	if err != nil {
		return nil, err
	}

	b := &Bundle{
		Secrets:      in.Secrets,
		ControlPlane: machineConfig(&in, v1alpha1.ControlPlane),
		Worker:       machineConfig(&in, v1alpha1.Worker),
		Client:       client,
	}

	for _, config := range []*machineconfig.Config{b.ControlPlane, b.Worker} {
		if err := config.Validate(machineconfig.ModeMetal); err != nil {
			return nil, fmt.Errorf("the input makes a configuration that is not valid:\n%w", err)
		}
	}

	return b, nil
}

func normalEndpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("the endpoint %q is not a URL of the form https://HOST[:PORT]", text)
	}

	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("the endpoint %q has more than https://HOST[:PORT]", text)
	}

	u.Path = ""

	if u.Port() == "" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":6443"
	}

	return u.String(), nil
}

func clientConfig(in *Input) (*clientconfig.Config, error) {
	lifetime := in.ClientLifetime
	if lifetime == 0 {
		lifetime = ClientLifetime
	}

	ca := in.Secrets.Certs.OS

	crt, key, err := ClientCertificate(in.Now, in.Random, ca, lifetime, RoleAdmin)
	if err != nil {
		return nil, fmt.Errorf("make the administrator's certificate: %w", err)
	}

	return &clientconfig.Config{
		Context: in.ClusterName,
		Contexts: map[string]*clientconfig.Context{
			in.ClusterName: {
				Endpoints: append([]string{}, in.ClientEndpoints...),
				CA:        base64.StdEncoding.EncodeToString(ca.Crt),
				Crt:       base64.StdEncoding.EncodeToString(crt),
				Key:       base64.StdEncoding.EncodeToString(key),
			},
		},
	}, nil
}

// excludeFromLoadBalancers keeps external load balancers off control planes.
const excludeFromLoadBalancers = "node.kubernetes.io/exclude-from-external-load-balancers"

func machineConfig(in *Input, kind v1alpha1.MachineType) *machineconfig.Config {
	persist := true
	config := &machineconfig.Config{
		Document: v1alpha1.Document{
			Version: v1alpha1.Version,
			Persist: &persist,
			Machine: v1alpha1.Machine{
				Type:     kind,
				Token:    in.Secrets.TrustdInfo.Token,
				CA:       in.Secrets.Certs.OS,
				CertSANs: append([]string{}, in.AdditionalSANs...),
				Kubelet: v1alpha1.Kubelet{
					DefaultRuntimeSeccompProfileEnabled: true,
					DisableManifestsDirectory:           true,
				},
				Install: v1alpha1.Install{
					Disk:  orDefault(in.InstallDisk, DefaultInstallDisk),
					Image: in.InstallImage,
				},
				Features: v1alpha1.Features{
					DiskQuotaSupport: true,
					KubePrism:        v1alpha1.KubePrism{Enabled: true, Port: 7445},
					HostDNS:          v1alpha1.HostDNS{Enabled: true, ForwardKubeDNSToHost: true},
				},
				Registries: mirrors(in.RegistryMirrors),
			},
			Cluster: cluster(in),
		},
		Documents: []documents.Document{
			&documents.HostnameConfig{
				Meta: documents.Meta{APIVersion: documents.APIVersion, Kind: "HostnameConfig"},
				Auto: "stable",
			},
		},
	}

	config.Machine.Network.KubeSpan.Enabled = in.KubeSpan

	if kind == v1alpha1.ControlPlane {
		config.Machine.NodeLabels = map[string]string{excludeFromLoadBalancers: ""}
		controlPlaneSecrets(in, &config.Cluster)
	} else {
		config.Machine.CA.Key = nil
	}

	return config
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}

	return value
}

func mirrors(given map[string][]string) v1alpha1.Registries {
	r := v1alpha1.Registries{}

	for _, registry := range slices.Sorted(maps.Keys(given)) {
		if r.Mirrors == nil {
			r.Mirrors = map[string]v1alpha1.RegistryMirror{}
		}

		r.Mirrors[registry] = v1alpha1.RegistryMirror{Endpoints: given[registry]}
	}

	return r
}
