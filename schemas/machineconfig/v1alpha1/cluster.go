package v1alpha1

import "time"

// Cluster is the value of the key `cluster`: what all nodes share.
type Cluster struct {
	// ID names the cluster in discovery: 32 bytes in URL-safe base64.
	ID string `yaml:"id,omitempty"`
	// Secret encrypts what discovery shares: 32 bytes in base64.
	Secret string `yaml:"secret,omitempty"`
	// ControlPlane says where the Kubernetes API is; required.
	ControlPlane ControlPlaneEndpoint `yaml:"controlPlane"`
	// ClusterName is the name of the cluster.
	ClusterName string `yaml:"clusterName,omitempty"`
	// Network configures the cluster's networks.
	Network ClusterNetwork `yaml:"network,omitempty"`
	// Token is Kubernetes' bootstrap token, of the form of the machine's token.
	Token string `yaml:"token,omitempty"`
	// AESCBCEncryptionSecret and SecretboxEncryptionSecret encrypt secrets in
	// etcd: 32 bytes in base64.
	AESCBCEncryptionSecret    string `yaml:"aescbcEncryptionSecret,omitempty"`
	SecretboxEncryptionSecret string `yaml:"secretboxEncryptionSecret,omitempty"`
	// CA is the root of Kubernetes' PKI.
	CA CertificateAndKey `yaml:"ca,omitempty"`
	// AcceptedCAs are further roots whose certificates are accepted.
	AcceptedCAs []Certificate `yaml:"acceptedCAs,omitempty"`
	// AggregatorCA is the root of Kubernetes' front proxy.
	AggregatorCA CertificateAndKey `yaml:"aggregatorCA,omitempty"`
	// ServiceAccount is the key that signs service accounts' tokens.
	ServiceAccount Key `yaml:"serviceAccount,omitempty"`
	// APIServer, ControllerManager, Proxy and Scheduler configure the components.
	APIServer         APIServer         `yaml:"apiServer,omitempty"`
	ControllerManager ControllerManager `yaml:"controllerManager,omitempty"`
	Proxy             Proxy             `yaml:"proxy,omitempty"`
	Scheduler         Scheduler         `yaml:"scheduler,omitempty"`
	// Discovery lets members find each other.
	Discovery Discovery `yaml:"discovery,omitempty"`
	// Etcd configures etcd.
	Etcd Etcd `yaml:"etcd,omitempty"`
	// CoreDNS configures the cluster's name server.
	CoreDNS CoreDNS `yaml:"coreDNS,omitempty"`
	// ExternalCloudProvider prepares for a cloud controller manager.
	ExternalCloudProvider ExternalCloudProvider `yaml:"externalCloudProvider,omitempty"`
	// ExtraManifests are URLs of manifests to apply, fetched with ExtraManifestHeaders.
	ExtraManifests       []string          `yaml:"extraManifests,omitempty"`
	ExtraManifestHeaders map[string]string `yaml:"extraManifestHeaders,omitempty"`
	// InlineManifests are manifests to apply.
	InlineManifests []InlineManifest `yaml:"inlineManifests,omitempty"`
	// AdminKubeconfig configures the administrator's kubeconfig.
	AdminKubeconfig AdminKubeconfig `yaml:"adminKubeconfig,omitempty"`
	// AllowSchedulingOnMasters is deprecated in favour of AllowSchedulingOnControlPlanes.
	AllowSchedulingOnMasters bool `yaml:"allowSchedulingOnMasters,omitempty"`
	// AllowSchedulingOnControlPlanes leaves control plane nodes untainted.
	AllowSchedulingOnControlPlanes bool `yaml:"allowSchedulingOnControlPlanes,omitempty"`
}

// ControlPlaneEndpoint is the value of `cluster.controlPlane`.
type ControlPlaneEndpoint struct {
	// Endpoint is the https URL of the Kubernetes API for the whole cluster.
	Endpoint string `yaml:"endpoint"`
	// LocalAPIServerPort is the port of the node's own API server; zero means 6443.
	LocalAPIServerPort int `yaml:"localAPIServerPort,omitempty"`
}

// ClusterNetwork is the value of `cluster.network`.
type ClusterNetwork struct {
	CNI CNI `yaml:"cni,omitempty"`
	// DNSDomain is the domain of services; empty means cluster.local.
	DNSDomain string `yaml:"dnsDomain"`
	// PodSubnets and ServiceSubnets are in CIDR notation.
	PodSubnets     []string `yaml:"podSubnets"`
	ServiceSubnets []string `yaml:"serviceSubnets"`
}

// CNI is the value of `cluster.network.cni`.
type CNI struct {
	// Name is flannel, custom or none; empty means flannel.
	Name string `yaml:"name,omitempty"`
	// URLs are manifests of a custom CNI.
	URLs    []string `yaml:"urls,omitempty"`
	Flannel struct {
		ExtraArgs                  []string `yaml:"extraArgs,omitempty"`
		KubeNetworkPoliciesEnabled bool     `yaml:"kubeNetworkPoliciesEnabled,omitempty"`
	} `yaml:"flannel,omitempty"`
}

// Discovery is the value of `cluster.discovery`.
type Discovery struct {
	Enabled    bool                `yaml:"enabled,omitempty"`
	Registries DiscoveryRegistries `yaml:"registries"`
}

// DiscoveryRegistries are the two ways in which members find each other.
type DiscoveryRegistries struct {
	Kubernetes struct {
		// Disabled is true when absent.
		Disabled *bool `yaml:"disabled,omitempty"`
	} `yaml:"kubernetes"`
	Service struct {
		Disabled bool   `yaml:"disabled,omitempty"`
		Endpoint string `yaml:"endpoint,omitempty"`
	} `yaml:"service"`
}

// ExternalCloudProvider is the value of `cluster.externalCloudProvider`.
type ExternalCloudProvider struct {
	Enabled   bool     `yaml:"enabled,omitempty"`
	Manifests []string `yaml:"manifests,omitempty"`
}

// InlineManifest is an item of `cluster.inlineManifests`.
type InlineManifest struct {
	Name     string `yaml:"name"`
	Contents string `yaml:"contents"`
}

// AdminKubeconfig is the value of `cluster.adminKubeconfig`.
type AdminKubeconfig struct {
	// CertLifetime is how long the certificate is valid; zero means a year.
	CertLifetime time.Duration `yaml:"certLifetime,omitempty"`
}
