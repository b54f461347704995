package documents

import (
	"maps"
	"slices"
)

// APIVersion is the value of apiVersion in every document.
const APIVersion = "v1alpha1"

// Document is a further document of a machine configuration.
type Document interface {
	// DocumentKind is the kind as written.
	DocumentKind() string
	// DocumentName is the name, empty for kinds of which there is only one.
	DocumentName() string
	// NeedsName says whether the kind needs a name.
	NeedsName() bool
}

// Meta is what every document starts with.
type Meta struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
}

// DocumentKind implements Document.
func (m *Meta) DocumentKind() string { return m.Kind }

// DocumentName implements Document for kinds without a name.
func (m *Meta) DocumentName() string { return "" }

// NeedsName implements Document.
func (m *Meta) NeedsName() bool { return false }

// Named is Meta with a name.
type Named struct {
	Meta `yaml:",inline"`
	Name string `yaml:"name"`
}

// DocumentName implements Document.
func (n *Named) DocumentName() string { return n.Name }

// NeedsName implements Document.
func (n *Named) NeedsName() bool { return true }

var kinds = map[string]func() Document{
	"BlackholeRouteConfig":       func() Document { return &BlackholeRouteConfig{} },
	"BondConfig":                 func() Document { return &BondConfig{} },
	"BridgeConfig":               func() Document { return &BridgeConfig{} },
	"DHCPv4Config":               func() Document { return &DHCPConfig{} },
	"DHCPv6Config":               func() Document { return &DHCPConfig{} },
	"DummyLinkConfig":            func() Document { return &DummyLinkConfig{} },
	"EnvironmentConfig":          func() Document { return &EnvironmentConfig{} },
	"EthernetConfig":             func() Document { return &EthernetConfig{} },
	"EventSinkConfig":            func() Document { return &EventSinkConfig{} },
	"ExistingVolumeConfig":       func() Document { return &ExistingVolumeConfig{} },
	"ExtensionServiceConfig":     func() Document { return &ExtensionServiceConfig{} },
	"ExternalVolumeConfig":       func() Document { return &ExternalVolumeConfig{} },
	"HCloudVIPConfig":            func() Document { return &HCloudVIPConfig{} },
	"HostnameConfig":             func() Document { return &HostnameConfig{} },
	"ImageVerificationConfig":    func() Document { return &ImageVerificationConfig{} },
	"KmsgLogConfig":              func() Document { return &KmsgLogConfig{} },
	"KubeSpanConfig":             func() Document { return &KubeSpanConfig{} },
	"KubeSpanEndpointsConfig":    func() Document { return &KubeSpanEndpointsConfig{} },
	"Layer2VIPConfig":            func() Document { return &Layer2VIPConfig{} },
	"LinkAliasConfig":            func() Document { return &LinkAliasConfig{} },
	"LinkConfig":                 func() Document { return &LinkConfig{} },
	"NetworkDefaultActionConfig": func() Document { return &NetworkDefaultActionConfig{} },
	"NetworkRuleConfig":          func() Document { return &NetworkRuleConfig{} },
	"OOMConfig":                  func() Document { return &OOMConfig{} },
	"PCIDriverRebindConfig":      func() Document { return &PCIDriverRebindConfig{} },
	"RawVolumeConfig":            func() Document { return &RawVolumeConfig{} },
	"RegistryAuthConfig":         func() Document { return &RegistryAuthConfig{} },
	"RegistryMirrorConfig":       func() Document { return &RegistryMirrorConfig{} },
	"RegistryTLSConfig":          func() Document { return &RegistryTLSConfig{} },
	"ResolverConfig":             func() Document { return &ResolverConfig{} },
	"RoutingRuleConfig":          func() Document { return &RoutingRuleConfig{} },
	"SideroLinkConfig":           func() Document { return &SideroLinkConfig{} },
	"StaticHostConfig":           func() Document { return &StaticHostConfig{} },
	"SwapVolumeConfig":           func() Document { return &RawVolumeConfig{} },
	"TCPProbeConfig":             func() Document { return &TCPProbeConfig{} },
	"TimeSyncConfig":             func() Document { return &TimeSyncConfig{} },
	"TrustedRootsConfig":         func() Document { return &TrustedRootsConfig{} },
	"UserVolumeConfig":           func() Document { return &UserVolumeConfig{} },
	"VLANConfig":                 func() Document { return &VLANConfig{} },
	"VRFConfig":                  func() Document { return &VRFConfig{} },
	"VolumeConfig":               func() Document { return &VolumeConfig{} },
	"WatchdogTimerConfig":        func() Document { return &WatchdogTimerConfig{} },
	"WireguardConfig":            func() Document { return &WireguardConfig{} },
	"ZswapConfig":                func() Document { return &ZswapConfig{} },
}

// New gives an empty document of the kind, and whether there is such a kind.
func New(kind string) (Document, bool) {
	newDocument, ok := kinds[kind]
	if !ok {
		return nil, false
	}

	return newDocument(), true
}

// Kinds are the names of every kind, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }
