package documents

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// HostnameConfig names the node. At most one of Auto (stable, off) and
// Hostname says anything: a host name, or that one is made from the machine's
// identity when nobody else gives one.
type HostnameConfig struct {
	Meta     `yaml:",inline"`
	Auto     string `yaml:"auto,omitempty"`
	Hostname string `yaml:"hostname,omitempty"`
}

// ResolverConfig configures name resolution.
type ResolverConfig struct {
	Meta        `yaml:",inline"`
	Nameservers []struct {
		Address string `yaml:"address"`
	} `yaml:"nameservers,omitempty"`
	SearchDomains struct {
		Domains        []string `yaml:"domains,omitempty"`
		DisableDefault bool     `yaml:"disableDefault,omitempty"`
	} `yaml:"searchDomains,omitempty"`
}

// StaticHostConfig is a line of /etc/hosts; its name is the address.
type StaticHostConfig struct {
	Named     `yaml:",inline"`
	Hostnames []string `yaml:"hostnames"`
}

// TimeSyncConfig configures time synchronisation.
type TimeSyncConfig struct {
	Meta `yaml:",inline"`
	// Enabled is true when absent.
	Enabled     *bool         `yaml:"enabled,omitempty"`
	BootTimeout time.Duration `yaml:"bootTimeout,omitempty"`
	NTP         struct {
		Servers []string `yaml:"servers,omitempty"`
	} `yaml:"ntp,omitempty"`
	PTP struct {
		Devices []string `yaml:"devices,omitempty"`
	} `yaml:"ptp,omitempty"`
}

// DHCPConfig is the kinds DHCPv4Config and DHCPv6Config: DHCP on the link Name.
type DHCPConfig struct {
	Named            `yaml:",inline"`
	RouteMetric      uint32 `yaml:"routeMetric,omitempty"`
	IgnoreHostname   bool   `yaml:"ignoreHostname,omitempty"`
	ClientIdentifier string `yaml:"clientIdentifier,omitempty"`
	DUIDRaw          string `yaml:"duidRaw,omitempty"`
}

// BlackholeRouteConfig drops what is sent to the network Name.
type BlackholeRouteConfig struct {
	Named  `yaml:",inline"`
	Metric uint32 `yaml:"metric,omitempty"`
}

// RoutingRuleConfig chooses a routing table.
type RoutingRuleConfig struct {
	Named `yaml:",inline"`
	Src   string `yaml:"src,omitempty"`
	Dst   string `yaml:"dst,omitempty"`
	Table string `yaml:"table"`
	// Action is unicast, blackhole, unreachable or prohibit; empty means unicast.
	Action  string `yaml:"action,omitempty"`
	IIFName string `yaml:"iifName,omitempty"`
	OIFName string `yaml:"oifName,omitempty"`
	FwMark  uint32 `yaml:"fwMark,omitempty"`
	FwMask  uint32 `yaml:"fwMask,omitempty"`
}

// Layer2VIPConfig shares the address Name among control plane nodes.
type Layer2VIPConfig struct {
	Named `yaml:",inline"`
	Link  string `yaml:"link"`
}

// HCloudVIPConfig shares the address Name by Hetzner Cloud's API.
type HCloudVIPConfig struct {
	Named    `yaml:",inline"`
	Link     string `yaml:"link"`
	APIToken string `yaml:"apiToken"`
}

// KubeSpanConfig configures the WireGuard mesh between nodes.
type KubeSpanConfig struct {
	Meta                        `yaml:",inline"`
	Enabled                     bool   `yaml:"enabled,omitempty"`
	AdvertiseKubernetesNetworks bool   `yaml:"advertiseKubernetesNetworks,omitempty"`
	AllowDownPeerBypass         bool   `yaml:"allowDownPeerBypass,omitempty"`
	HarvestExtraEndpoints       bool   `yaml:"harvestExtraEndpoints,omitempty"`
	MTU                         uint32 `yaml:"mtu,omitempty"`
	Filters                     struct {
		Endpoints                 []string `yaml:"endpoints,omitempty"`
		ExcludeAdvertisedNetworks []string `yaml:"excludeAdvertisedNetworks,omitempty"`
	} `yaml:"filters,omitempty"`
}

// KubeSpanEndpointsConfig announces further endpoints of the mesh.
type KubeSpanEndpointsConfig struct {
	Meta                    `yaml:",inline"`
	ExtraAnnouncedEndpoints []string `yaml:"extraAnnouncedEndpoints,omitempty"`
}

// TCPProbeConfig checks that a TCP endpoint answers.
type TCPProbeConfig struct {
	Named            `yaml:",inline"`
	Interval         time.Duration `yaml:"interval,omitempty"`
	FailureThreshold int           `yaml:"failureThreshold,omitempty"`
	Endpoint         string        `yaml:"endpoint"`
	Timeout          time.Duration `yaml:"timeout,omitempty"`
}

// NetworkDefaultActionConfig is the firewall's default: accept or block.
type NetworkDefaultActionConfig struct {
	Meta    `yaml:",inline"`
	Ingress string `yaml:"ingress"`
}

// NetworkRuleConfig lets packets in.
type NetworkRuleConfig struct {
	Named        `yaml:",inline"`
	PortSelector struct {
		Ports []PortRange `yaml:"ports"`
		// Protocol is tcp, udp, icmp or icmpv6.
		Protocol string `yaml:"protocol"`
	} `yaml:"portSelector"`
	Ingress []struct {
		Subnet string `yaml:"subnet"`
		Except string `yaml:"except,omitempty"`
	} `yaml:"ingress"`
}

// PortRange is one port, or two joined by a dash; both ends are in it.
type PortRange struct {
	Low, High uint16
}

// UnmarshalYAML reads 80 or 80-90.
func (p *PortRange) UnmarshalYAML(n *yaml.Node) error {
	low, high, isRange := strings.Cut(n.Value, "-")
	if !isRange {
		high = low
	}

	from, err := strconv.ParseUint(low, 10, 16)

	to, highErr := strconv.ParseUint(high, 10, 16)
	if n.Kind != yaml.ScalarNode || err != nil || highErr != nil || from > to {
		return fmt.Errorf("%q is neither a port nor a range such as 8000-8080", n.Value)
	}

	*p = PortRange{Low: uint16(from), High: uint16(to)}

	return nil
}

// MarshalYAML writes a number, or a range as text.
func (p PortRange) MarshalYAML() (any, error) {
	if p.Low == p.High {
		return p.Low, nil
	}

	return fmt.Sprintf("%d-%d", p.Low, p.High), nil
}
