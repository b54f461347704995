package v1alpha1

import "time"

// Network is the value of `machine.network`.
type Network struct {
	// Hostname is the node's name, with or without a domain.
	Hostname string `yaml:"hostname,omitempty"`
	// Interfaces configures links; links that are not named get DHCP.
	Interfaces []Interface `yaml:"interfaces,omitempty"`
	// Nameservers are addresses of name servers.
	Nameservers []string `yaml:"nameservers,omitempty"`
	// SearchDomains are the resolver's search list.
	SearchDomains []string `yaml:"searchDomains,omitempty"`
	// ExtraHostEntries are lines of /etc/hosts.
	ExtraHostEntries []HostEntry `yaml:"extraHostEntries,omitempty"`
	// KubeSpan is the WireGuard mesh between nodes.
	KubeSpan KubeSpan `yaml:"kubespan,omitempty"`
	// DisableSearchDomain leaves the search list empty.
	DisableSearchDomain bool `yaml:"disableSearchDomain,omitempty"`
}

// HostEntry is a line of /etc/hosts.
type HostEntry struct {
	IP      string   `yaml:"ip"`
	Aliases []string `yaml:"aliases"`
}

// Interface is a link, named by Interface or chosen by DeviceSelector.
type Interface struct {
	Interface      string         `yaml:"interface,omitempty"`
	DeviceSelector DeviceSelector `yaml:"deviceSelector,omitempty"`
	// Addresses are in CIDR notation.
	Addresses []string `yaml:"addresses,omitempty"`
	// CIDR is deprecated in favour of Addresses.
	CIDR       string     `yaml:"cidr,omitempty"`
	Routes     []Route    `yaml:"routes,omitempty"`
	Bond       Bond       `yaml:"bond,omitempty"`
	Bridge     Bridge     `yaml:"bridge,omitempty"`
	BridgePort BridgePort `yaml:"bridgePort,omitempty"`
	VLANs      []VLAN     `yaml:"vlans,omitempty"`
	// MTU in bytes; zero leaves the link's own.
	MTU         int         `yaml:"mtu,omitempty"`
	DHCP        *bool       `yaml:"dhcp,omitempty"`
	Ignore      bool        `yaml:"ignore,omitempty"`
	Dummy       bool        `yaml:"dummy,omitempty"`
	DHCPOptions DHCPOptions `yaml:"dhcpOptions,omitempty"`
	WireGuard   WireGuard   `yaml:"wireguard,omitempty"`
	VIP         VIP         `yaml:"vip,omitempty"`
}

// DeviceSelector chooses a link by the properties of its device.
type DeviceSelector struct {
	BusPath       string `yaml:"busPath,omitempty"`
	HardwareAddr  string `yaml:"hardwareAddr,omitempty"`
	PermanentAddr string `yaml:"permanentAddr,omitempty"`
	PCIID         string `yaml:"pciID,omitempty"`
	Driver        string `yaml:"driver,omitempty"`
	Physical      *bool  `yaml:"physical,omitempty"`
}

// Route is a static route.
type Route struct {
	// Network is the destination in CIDR notation; empty is the default route.
	Network string `yaml:"network"`
	Gateway string `yaml:"gateway"`
	Source  string `yaml:"source,omitempty"`
	Metric  uint32 `yaml:"metric,omitempty"`
	MTU     uint32 `yaml:"mtu,omitempty"`
}

// DHCPOptions tune DHCP on a link.
type DHCPOptions struct {
	RouteMetric uint32 `yaml:"routeMetric"`
	// IPv4 is on when absent, IPv6 off.
	IPv4   *bool  `yaml:"ipv4,omitempty"`
	IPv6   *bool  `yaml:"ipv6,omitempty"`
	DUIDv6 string `yaml:"duidv6,omitempty"`
}

// WireGuard configures a WireGuard link.
type WireGuard struct {
	PrivateKey   string          `yaml:"privateKey,omitempty"`
	ListenPort   int             `yaml:"listenPort,omitempty"`
	FirewallMark int             `yaml:"firewallMark,omitempty"`
	Peers        []WireGuardPeer `yaml:"peers,omitempty"`
}

// WireGuardPeer is a peer of a WireGuard link.
type WireGuardPeer struct {
	PublicKey                   string        `yaml:"publicKey,omitempty"`
	Endpoint                    string        `yaml:"endpoint,omitempty"`
	PersistentKeepaliveInterval time.Duration `yaml:"persistentKeepaliveInterval,omitempty"`
	AllowedIPs                  []string      `yaml:"allowedIPs,omitempty"`
}

// VIP is an address that control plane nodes share.
type VIP struct {
	IP           string   `yaml:"ip,omitempty"`
	EquinixMetal APIToken `yaml:"equinixMetal,omitempty"`
	HCloud       APIToken `yaml:"hcloud,omitempty"`
}

// APIToken is access to a cloud's API.
type APIToken struct {
	Token string `yaml:"apiToken"`
}

// Bond is the kernel's bonding options (Documentation/networking/bonding.rst).
// Delays and intervals are in milliseconds.
type Bond struct {
	Interfaces      []string         `yaml:"interfaces"`
	DeviceSelectors []DeviceSelector `yaml:"deviceSelectors,omitempty"`
	ARPIPTarget     []string         `yaml:"arpIPTarget,omitempty"`
	Mode            string           `yaml:"mode"`
	XmitHashPolicy  string           `yaml:"xmitHashPolicy,omitempty"`
	LACPRate        string           `yaml:"lacpRate,omitempty"`
	ADActorSystem   string           `yaml:"adActorSystem,omitempty"`
	ARPValidate     string           `yaml:"arpValidate,omitempty"`
	ARPAllTargets   string           `yaml:"arpAllTargets,omitempty"`
	Primary         string           `yaml:"primary,omitempty"`
	PrimaryReselect string           `yaml:"primaryReselect,omitempty"`
	FailOverMAC     string           `yaml:"failOverMac,omitempty"`
	ADSelect        string           `yaml:"adSelect,omitempty"`
	MIIMon          uint32           `yaml:"miimon,omitempty"`
	UpDelay         uint32           `yaml:"updelay,omitempty"`
	DownDelay       uint32           `yaml:"downdelay,omitempty"`
	ARPInterval     uint32           `yaml:"arpInterval,omitempty"`
	ResendIGMP      uint32           `yaml:"resendIgmp,omitempty"`
	MinLinks        uint32           `yaml:"minLinks,omitempty"`
	LPInterval      uint32           `yaml:"lpInterval,omitempty"`
	PacketsPerSlave uint32           `yaml:"packetsPerSlave,omitempty"`
	NumPeerNotif    uint8            `yaml:"numPeerNotif,omitempty"`
	TLBDynamicLB    uint8            `yaml:"tlbDynamicLb,omitempty"`
	AllSlavesActive uint8            `yaml:"allSlavesActive,omitempty"`
	UseCarrier      *bool            `yaml:"useCarrier,omitempty"`
	ADActorSysPrio  uint16           `yaml:"adActorSysPrio,omitempty"`
	ADUserPortKey   uint16           `yaml:"adUserPortKey,omitempty"`
	PeerNotifyDelay uint32           `yaml:"peerNotifyDelay,omitempty"`
}

// Bridge makes the link a bridge over others.
type Bridge struct {
	Interfaces []string `yaml:"interfaces"`
	STP        struct {
		Enabled bool `yaml:"enabled,omitempty"`
	} `yaml:"stp,omitempty"`
	VLAN struct {
		VLANFiltering bool `yaml:"vlanFiltering,omitempty"`
	} `yaml:"vlan,omitempty"`
}

// BridgePort puts the link into a bridge.
type BridgePort struct {
	Master string `yaml:"master,omitempty"`
}

// VLAN is a tagged link on an Interface.
type VLAN struct {
	Addresses []string `yaml:"addresses,omitempty"`
	// CIDR is deprecated in favour of Addresses.
	CIDR        string      `yaml:"cidr,omitempty"`
	Routes      []Route     `yaml:"routes"`
	DHCP        *bool       `yaml:"dhcp,omitempty"`
	ID          uint16      `yaml:"vlanId"`
	MTU         uint32      `yaml:"mtu,omitempty"`
	VIP         VIP         `yaml:"vip,omitempty"`
	DHCPOptions DHCPOptions `yaml:"dhcpOptions,omitempty"`
}

// KubeSpan is the value of `machine.network.kubespan`.
type KubeSpan struct {
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
