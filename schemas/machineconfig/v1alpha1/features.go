package v1alpha1

// Features is the value of `machine.features`.
type Features struct {
	// RBAC is deprecated: role checks are always on.
	RBAC *bool `yaml:"rbac,omitempty"`
	// StableHostname makes the default host name a function of the machine's
	// identity. Deprecated by the HostnameConfig document.
	StableHostname *bool `yaml:"stableHostname,omitempty"`
	// KubernetesTalosAPIAccess lets pods use the machine API.
	KubernetesTalosAPIAccess KubernetesAPIAccess `yaml:"kubernetesTalosAPIAccess,omitempty"`
	// ApidCheckExtKeyUsage is deprecated: it is always checked.
	ApidCheckExtKeyUsage *bool `yaml:"apidCheckExtKeyUsage,omitempty"`
	// DiskQuotaSupport turns on project quotas on EPHEMERAL.
	DiskQuotaSupport bool `yaml:"diskQuotaSupport,omitempty"`
	// KubePrism is the node-local load balancer of the Kubernetes API.
	KubePrism KubePrism `yaml:"kubePrism,omitempty"`
	// HostDNS is the caching name server of the node.
	HostDNS HostDNS `yaml:"hostDNS,omitempty"`
	// ImageCache is the local cache of container images.
	ImageCache ImageCache `yaml:"imageCache,omitempty"`
	// NodeAddressSortAlgorithm is v1 or v2.
	NodeAddressSortAlgorithm string `yaml:"nodeAddressSortAlgorithm,omitempty"`
}

// KubernetesAPIAccess is the value of `machine.features.kubernetesTalosAPIAccess`.
type KubernetesAPIAccess struct {
	Enabled                     bool     `yaml:"enabled,omitempty"`
	AllowedRoles                []string `yaml:"allowedRoles,omitempty"`
	AllowedKubernetesNamespaces []string `yaml:"allowedKubernetesNamespaces,omitempty"`
}

// KubePrism is the value of `machine.features.kubePrism`.
type KubePrism struct {
	Enabled bool `yaml:"enabled,omitempty"`
	// Port on localhost; zero means 7445.
	Port int `yaml:"port,omitempty"`
}

// HostDNS is the value of `machine.features.hostDNS`.
type HostDNS struct {
	Enabled              bool `yaml:"enabled,omitempty"`
	ForwardKubeDNSToHost bool `yaml:"forwardKubeDNSToHost,omitempty"`
	ResolveMemberNames   bool `yaml:"resolveMemberNames,omitempty"`
}

// ImageCache is the value of `machine.features.imageCache`.
type ImageCache struct {
	LocalEnabled bool `yaml:"localEnabled,omitempty"`
}
