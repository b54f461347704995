package v1alpha1

import "time"

// Machine is the value of the key `machine`: the node itself.
type Machine struct {
	// Type is the role of the node; required.
	Type MachineType `yaml:"type"`
	// Token is what a worker shows to trustd to get its certificate:
	// six characters, a dot, sixteen characters, of [a-z0-9].
	Token string `yaml:"token"`
	// CA is the root of the machine API's PKI; only control plane nodes have its key.
	CA CertificateAndKey `yaml:"ca,omitempty"`
	// AcceptedCAs are further roots whose certificates are accepted.
	AcceptedCAs []Certificate `yaml:"acceptedCAs,omitempty"`
	// CertSANs are extra subject alternative names of the machine API's certificate.
	CertSANs []string `yaml:"certSANs"`
	// ControlPlane turns off parts of the control plane on this node.
	ControlPlane MachineControlPlane `yaml:"controlPlane,omitempty"`
	// Kubelet configures the kubelet.
	Kubelet Kubelet `yaml:"kubelet,omitempty"`
	// Pods are static pods of the kubelet.
	Pods []map[string]any `yaml:"pods,omitempty"`
	// Network configures links, addresses, routes and names.
	Network Network `yaml:"network,omitempty"`
	// Disks are further disks to partition and mount.
	Disks []Disk `yaml:"disks,omitempty"`
	// Install says where and how the system is installed.
	Install Install `yaml:"install,omitempty"`
	// Files are files to write.
	Files []File `yaml:"files,omitempty"`
	// Env is the environment of the system's services.
	Env map[string]string `yaml:"env,omitempty"`
	// Time configures time synchronisation.
	Time Time `yaml:"time,omitempty"`
	// Sysctls are kernel parameters under /proc/sys.
	Sysctls map[string]string `yaml:"sysctls,omitempty"`
	// Sysfs are values to write under /sys.
	Sysfs map[string]string `yaml:"sysfs,omitempty"`
	// Registries configures mirrors of and access to image registries.
	Registries Registries `yaml:"registries,omitempty"`
	// SystemDiskEncryption encrypts the system's partitions.
	SystemDiskEncryption SystemDiskEncryption `yaml:"systemDiskEncryption,omitempty"`
	// Features turns features on and off.
	Features Features `yaml:"features,omitempty"`
	// Udev are further device rules.
	Udev Udev `yaml:"udev,omitempty"`
	// Logging sends logs over the network.
	Logging Logging `yaml:"logging,omitempty"`
	// Kernel configures kernel modules.
	Kernel Kernel `yaml:"kernel,omitempty"`
	// SeccompProfiles are profiles for the kubelet's use.
	SeccompProfiles []SeccompProfile `yaml:"seccompProfiles,omitempty"`
	// BaseRuntimeSpecOverrides overrides the containers' default OCI runtime spec.
	BaseRuntimeSpecOverrides map[string]any `yaml:"baseRuntimeSpecOverrides,omitempty"`
	// NodeLabels, NodeAnnotations and NodeTaints are set on the Kubernetes node.
	NodeLabels      map[string]string `yaml:"nodeLabels,omitempty"`
	NodeAnnotations map[string]string `yaml:"nodeAnnotations,omitempty"`
	NodeTaints      map[string]string `yaml:"nodeTaints,omitempty"`
}

// MachineControlPlane is the value of `machine.controlPlane`.
type MachineControlPlane struct {
	ControllerManager Disabled `yaml:"controllerManager,omitempty"`
	Scheduler         Disabled `yaml:"scheduler,omitempty"`
}

// Disabled turns a component off.
type Disabled struct {
	Disabled bool `yaml:"disabled,omitempty"`
}

// File is an item of `machine.files`.
type File struct {
	// Content is the text of the file.
	Content string `yaml:"content"`
	// Permissions are the file's permission bits.
	Permissions FileMode `yaml:"permissions"`
	// Path is absolute; files can be created below /var and /etc/cri/conf.d only.
	Path string `yaml:"path"`
	// Op is create, append or overwrite.
	Op string `yaml:"op"`
}

// Time is the value of `machine.time`.
type Time struct {
	// Disabled turns synchronisation off.
	Disabled bool `yaml:"disabled,omitempty"`
	// Servers are NTP servers, or a /dev/ptpN device.
	Servers []string `yaml:"servers,omitempty"`
	// BootTimeout bounds how long boot waits for the first synchronisation;
	// zero waits for ever.
	BootTimeout time.Duration `yaml:"bootTimeout,omitempty"`
}

// Registries is the value of `machine.registries`.
type Registries struct {
	// Mirrors maps a registry, or *, to the endpoints to try for it.
	Mirrors map[string]RegistryMirror `yaml:"mirrors,omitempty"`
	// Config maps a host to how it is talked to.
	Config map[string]RegistryConfig `yaml:"config,omitempty"`
}

// RegistryMirror is an item of `machine.registries.mirrors`.
type RegistryMirror struct {
	Endpoints    []string `yaml:"endpoints"`
	OverridePath bool     `yaml:"overridePath,omitempty"`
	SkipFallback bool     `yaml:"skipFallback,omitempty"`
}

// RegistryConfig is an item of `machine.registries.config`.
type RegistryConfig struct {
	TLS  RegistryTLS  `yaml:"tls,omitempty"`
	Auth RegistryAuth `yaml:"auth,omitempty"`
}

// RegistryTLS says how a registry's certificate is checked and which one is shown.
type RegistryTLS struct {
	ClientIdentity     CertificateAndKey `yaml:"clientIdentity,omitempty"`
	CA                 Base64            `yaml:"ca,omitempty"`
	InsecureSkipVerify bool              `yaml:"insecureSkipVerify,omitempty"`
}

// RegistryAuth is how the node authenticates to a registry.
type RegistryAuth struct {
	Username      string `yaml:"username,omitempty"`
	Password      string `yaml:"password,omitempty"`
	Auth          string `yaml:"auth,omitempty"`
	IdentityToken string `yaml:"identityToken,omitempty"`
}

// Udev is the value of `machine.udev`.
type Udev struct {
	Rules []string `yaml:"rules,omitempty"`
}

// Logging is the value of `machine.logging`.
type Logging struct {
	Destinations []LogDestination `yaml:"destinations"`
}

// LogDestination is where service logs are sent.
type LogDestination struct {
	// Endpoint is a URL of scheme tcp or udp.
	Endpoint string `yaml:"endpoint"`
	// Format is json_lines.
	Format string `yaml:"format"`
	// ExtraTags are added to every message.
	ExtraTags map[string]string `yaml:"extraTags,omitempty"`
}

// Kernel is the value of `machine.kernel`.
type Kernel struct {
	Modules []KernelModule `yaml:"modules,omitempty"`
}

// KernelModule is a module to load, with its parameters as name=value.
type KernelModule struct {
	Name       string   `yaml:"name"`
	Parameters []string `yaml:"parameters,omitempty"`
}

// SeccompProfile is an item of `machine.seccompProfiles`.
type SeccompProfile struct {
	Name  string         `yaml:"name"`
	Value map[string]any `yaml:"value"`
}
