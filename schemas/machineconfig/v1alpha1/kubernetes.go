package v1alpha1

// Kubelet is the value of `machine.kubelet`.
type Kubelet struct {
	Image                               string         `yaml:"image,omitempty"`
	ClusterDNS                          []string       `yaml:"clusterDNS,omitempty"`
	ExtraArgs                           Args           `yaml:"extraArgs,omitempty"`
	ExtraMounts                         []ExtraMount   `yaml:"extraMounts,omitempty"`
	ExtraConfig                         map[string]any `yaml:"extraConfig,omitempty"`
	CredentialProviderConfig            map[string]any `yaml:"credentialProviderConfig,omitempty"`
	DefaultRuntimeSeccompProfileEnabled bool           `yaml:"defaultRuntimeSeccompProfileEnabled,omitempty"`
	RegisterWithFQDN                    bool           `yaml:"registerWithFQDN,omitempty"`
	NodeIP                              KubeletNodeIP  `yaml:"nodeIP,omitempty"`
	SkipNodeRegistration                bool           `yaml:"skipNodeRegistration,omitempty"`
	DisableManifestsDirectory           bool           `yaml:"disableManifestsDirectory,omitempty"`
}

// KubeletNodeIP is the value of `machine.kubelet.nodeIP`.
type KubeletNodeIP struct {
	// ValidSubnets are in CIDR notation; one that starts with ! excludes.
	ValidSubnets []string `yaml:"validSubnets,omitempty"`
}

// ExtraMount is a mount of the kubelet's container (OCI runtime spec, "mounts").
type ExtraMount struct {
	Destination string      `yaml:"destination"`
	Type        string      `yaml:"type,omitempty"`
	Source      string      `yaml:"source,omitempty"`
	Options     []string    `yaml:"options,omitempty"`
	UIDMappings []IDMapping `yaml:"uidMappings,omitempty"`
	GIDMappings []IDMapping `yaml:"gidMappings,omitempty"`
}

// IDMapping maps user or group numbers into a container.
type IDMapping struct {
	ContainerID uint32 `yaml:"containerID"`
	HostID      uint32 `yaml:"hostID"`
	Size        uint32 `yaml:"size"`
}

// APIServer is the value of `cluster.apiServer`.
type APIServer struct {
	Image        string            `yaml:"image,omitempty"`
	ExtraArgs    Args              `yaml:"extraArgs,omitempty"`
	ExtraVolumes []VolumeMount     `yaml:"extraVolumes,omitempty"`
	Env          map[string]string `yaml:"env,omitempty"`
	CertSANs     []string          `yaml:"certSANs,omitempty"`
	// DisablePodSecurityPolicy is deprecated: Kubernetes has none any more.
	DisablePodSecurityPolicy *bool             `yaml:"disablePodSecurityPolicy,omitempty"`
	AdmissionControl         []AdmissionPlugin `yaml:"admissionControl,omitempty"`
	AuditPolicy              map[string]any    `yaml:"auditPolicy,omitempty"`
	Resources                Resources         `yaml:"resources,omitempty"`
	AuthorizationConfig      []Authorizer      `yaml:"authorizationConfig,omitempty"`
}

// AdmissionPlugin configures an admission controller.
type AdmissionPlugin struct {
	Name          string         `yaml:"name"`
	Configuration map[string]any `yaml:"configuration"`
}

// Authorizer is an item of `cluster.apiServer.authorizationConfig`.
type Authorizer struct {
	Type    string         `yaml:"type"`
	Name    string         `yaml:"name"`
	Webhook map[string]any `yaml:"webhook,omitempty"`
}

// VolumeMount mounts a path of the host in a component's pod.
type VolumeMount struct {
	HostPath  string `yaml:"hostPath"`
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readonly,omitempty"`
}

// Resources are a component's requests and limits, in Kubernetes' quantities.
type Resources struct {
	Requests map[string]string `yaml:"requests,omitempty"`
	Limits   map[string]string `yaml:"limits,omitempty"`
}

// ControllerManager is the value of `cluster.controllerManager`.
type ControllerManager struct {
	Image        string            `yaml:"image,omitempty"`
	ExtraArgs    Args              `yaml:"extraArgs,omitempty"`
	ExtraVolumes []VolumeMount     `yaml:"extraVolumes,omitempty"`
	Env          map[string]string `yaml:"env,omitempty"`
	Resources    Resources         `yaml:"resources,omitempty"`
}

// Scheduler is the value of `cluster.scheduler`.
type Scheduler struct {
	Image        string            `yaml:"image,omitempty"`
	ExtraArgs    Args              `yaml:"extraArgs,omitempty"`
	ExtraVolumes []VolumeMount     `yaml:"extraVolumes,omitempty"`
	Env          map[string]string `yaml:"env,omitempty"`
	Resources    Resources         `yaml:"resources,omitempty"`
	// Config is a KubeSchedulerConfiguration.
	Config map[string]any `yaml:"config,omitempty"`
}

// Proxy is the value of `cluster.proxy`.
type Proxy struct {
	Disabled bool   `yaml:"disabled,omitempty"`
	Image    string `yaml:"image,omitempty"`
	// Mode is iptables, ipvs or nftables.
	Mode      string `yaml:"mode,omitempty"`
	ExtraArgs Args   `yaml:"extraArgs,omitempty"`
}

// Etcd is the value of `cluster.etcd`.
type Etcd struct {
	Image     string            `yaml:"image,omitempty"`
	CA        CertificateAndKey `yaml:"ca"`
	ExtraArgs Args              `yaml:"extraArgs,omitempty"`
	// Subnet is deprecated in favour of AdvertisedSubnets.
	Subnet            string   `yaml:"subnet,omitempty"`
	AdvertisedSubnets []string `yaml:"advertisedSubnets,omitempty"`
	ListenSubnets     []string `yaml:"listenSubnets,omitempty"`
}

// CoreDNS is the value of `cluster.coreDNS`.
type CoreDNS struct {
	Disabled bool   `yaml:"disabled,omitempty"`
	Image    string `yaml:"image,omitempty"`
}
