package documents

import "time"

// EnvironmentConfig is the environment of the system's services.
type EnvironmentConfig struct {
	Meta      `yaml:",inline"`
	Variables map[string]string `yaml:"variables"`
}

// EventSinkConfig sends events to host:port.
type EventSinkConfig struct {
	Meta     `yaml:",inline"`
	Endpoint string `yaml:"endpoint"`
}

// KmsgLogConfig sends the kernel's log to a URL.
type KmsgLogConfig struct {
	Named `yaml:",inline"`
	URL   string `yaml:"url"`
}

// OOMConfig says when and what the OOM handler kills; both are CEL expressions.
type OOMConfig struct {
	Meta                    `yaml:",inline"`
	TriggerExpression       string        `yaml:"triggerExpression,omitempty"`
	CgroupRankingExpression string        `yaml:"cgroupRankingExpression,omitempty"`
	SampleInterval          time.Duration `yaml:"sampleInterval,omitempty"`
}

// WatchdogTimerConfig resets the machine when it hangs.
type WatchdogTimerConfig struct {
	Meta    `yaml:",inline"`
	Device  string        `yaml:"device"`
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// PCIDriverRebindConfig gives the PCI device Name to another driver.
type PCIDriverRebindConfig struct {
	Named        `yaml:",inline"`
	TargetDriver string `yaml:"targetDriver"`
}

// SideroLinkConfig joins the node to a management service.
type SideroLinkConfig struct {
	Meta        `yaml:",inline"`
	APIURL      string `yaml:"apiUrl"`
	UniqueToken string `yaml:"uniqueToken,omitempty"`
}

// ExtensionServiceConfig configures the service of a system extension.
type ExtensionServiceConfig struct {
	Named       `yaml:",inline"`
	ConfigFiles []struct {
		Content   string `yaml:"content"`
		MountPath string `yaml:"mountPath"`
	} `yaml:"configFiles,omitempty"`
	Environment []string `yaml:"environment,omitempty"`
}

// TrustedRootsConfig adds PEM certificates to the system's roots.
type TrustedRootsConfig struct {
	Named        `yaml:",inline"`
	Certificates string `yaml:"certificates"`
}

// ImageVerificationConfig says which images must be signed, and by whom. The
// first rule whose pattern matches decides.
type ImageVerificationConfig struct {
	Meta  `yaml:",inline"`
	Rules []struct {
		Image   string `yaml:"image"`
		Skip    bool   `yaml:"skip,omitempty"`
		Deny    bool   `yaml:"deny,omitempty"`
		Keyless *struct {
			Issuer       string `yaml:"issuer"`
			Subject      string `yaml:"subject,omitempty"`
			SubjectRegex string `yaml:"subjectRegex,omitempty"`
		} `yaml:"keyless,omitempty"`
		PublicKey *struct {
			Certificate string `yaml:"certificate"`
		} `yaml:"publicKey,omitempty"`
	} `yaml:"rules,omitempty"`
}

// RegistryMirrorConfig gives the endpoints to try for the registry Name.
type RegistryMirrorConfig struct {
	Named     `yaml:",inline"`
	Endpoints []struct {
		URL          string `yaml:"url"`
		OverridePath bool   `yaml:"overridePath,omitempty"`
	} `yaml:"endpoints,omitempty"`
	SkipFallback bool `yaml:"skipFallback,omitempty"`
}

// RegistryAuthConfig is how the node authenticates to the registry Name.
type RegistryAuthConfig struct {
	Named         `yaml:",inline"`
	Username      string `yaml:"username,omitempty"`
	Password      string `yaml:"password,omitempty"`
	Auth          string `yaml:"auth,omitempty"`
	IdentityToken string `yaml:"identityToken,omitempty"`
}

// RegistryTLSConfig says how the registry Name is checked and which
// certificate it is shown. All are PEM texts.
type RegistryTLSConfig struct {
	Named          `yaml:",inline"`
	ClientIdentity struct {
		Cert string `yaml:"cert,omitempty"`
		Key  string `yaml:"key,omitempty"`
	} `yaml:"clientIdentity,omitempty"`
	CA                 string `yaml:"ca,omitempty"`
	InsecureSkipVerify bool   `yaml:"insecureSkipVerify,omitempty"`
}
