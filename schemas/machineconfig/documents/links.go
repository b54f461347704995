package documents

import "time"

// Link is what the documents about links share.
type Link struct {
	Up *bool `yaml:"up,omitempty"`
	// MTU in bytes; zero leaves the link's own.
	MTU       uint32    `yaml:"mtu,omitempty"`
	Addresses []Address `yaml:"addresses,omitempty"`
	Routes    []Route   `yaml:"routes,omitempty"`
	Multicast *bool     `yaml:"multicast,omitempty"`
}

// Address is an address in CIDR notation.
type Address struct {
	Address       string `yaml:"address"`
	RoutePriority uint32 `yaml:"routePriority,omitempty"`
}

// Route is a static route; an empty destination is the default route.
type Route struct {
	Destination string `yaml:"destination,omitempty"`
	Gateway     string `yaml:"gateway,omitempty"`
	Source      string `yaml:"source,omitempty"`
	Metric      uint32 `yaml:"metric,omitempty"`
	MTU         uint32 `yaml:"mtu,omitempty"`
	Table       string `yaml:"table,omitempty"`
}

// LinkConfig configures a physical link.
type LinkConfig struct {
	Named `yaml:",inline"`
	Link  `yaml:",inline"`
}

// DummyLinkConfig makes a dummy link.
type DummyLinkConfig struct {
	Named        `yaml:",inline"`
	HardwareAddr string `yaml:"hardwareAddr,omitempty"`
	Link         `yaml:",inline"`
}

// VLANConfig makes a tagged link on Parent.
type VLANConfig struct {
	Named    `yaml:",inline"`
	VLANID   uint16 `yaml:"vlanID"`
	VLANMode string `yaml:"vlanMode,omitempty"`
	Parent   string `yaml:"parent"`
	Link     `yaml:",inline"`
}

// VRFConfig makes a routing domain.
type VRFConfig struct {
	Named        `yaml:",inline"`
	HardwareAddr string   `yaml:"hardwareAddr,omitempty"`
	Links        []string `yaml:"links"`
	Table        string   `yaml:"table"`
	Link         `yaml:",inline"`
}

// BridgeConfig makes a bridge over Links.
type BridgeConfig struct {
	Named        `yaml:",inline"`
	HardwareAddr string   `yaml:"hardwareAddr,omitempty"`
	Links        []string `yaml:"links"`
	STP          struct {
		Enabled *bool `yaml:"enabled,omitempty"`
	} `yaml:"stp,omitempty"`
	VLAN struct {
		Filtering *bool `yaml:"filtering,omitempty"`
	} `yaml:"vlan,omitempty"`
	Link `yaml:",inline"`
}

// BondConfig makes a bond of Links, with the kernel's bonding options
// (Documentation/networking/bonding.rst). Delays are in milliseconds.
type BondConfig struct {
	Named           `yaml:",inline"`
	HardwareAddr    string   `yaml:"hardwareAddr,omitempty"`
	Links           []string `yaml:"links"`
	BondMode        string   `yaml:"bondMode"`
	MIIMon          *uint32  `yaml:"miimon,omitempty"`
	UpDelay         *uint32  `yaml:"updelay,omitempty"`
	DownDelay       *uint32  `yaml:"downdelay,omitempty"`
	UseCarrier      *bool    `yaml:"useCarrier,omitempty"`
	XmitHashPolicy  string   `yaml:"xmitHashPolicy,omitempty"`
	ARPInterval     *uint32  `yaml:"arpInterval,omitempty"`
	ARPIPTargets    []string `yaml:"arpIpTargets,omitempty"`
	NSIP6Targets    []string `yaml:"nsIp6Targets,omitempty"`
	ARPValidate     string   `yaml:"arpValidate,omitempty"`
	ARPAllTargets   string   `yaml:"arpAllTargets,omitempty"`
	LACPRate        string   `yaml:"lacpRate,omitempty"`
	FailOverMAC     string   `yaml:"failOverMac,omitempty"`
	ADSelect        string   `yaml:"adSelect,omitempty"`
	ADActorSysPrio  *uint16  `yaml:"adActorSysPrio,omitempty"`
	ADUserPortKey   *uint16  `yaml:"adUserPortKey,omitempty"`
	ADLACPActive    string   `yaml:"adLACPActive,omitempty"`
	PrimaryReselect string   `yaml:"primaryReselect,omitempty"`
	ResendIGMP      *uint32  `yaml:"resendIGMP,omitempty"`
	MinLinks        *uint32  `yaml:"minLinks,omitempty"`
	LPInterval      *uint32  `yaml:"lpInterval,omitempty"`
	PacketsPerSlave *uint32  `yaml:"packetsPerSlave,omitempty"`
	NumPeerNotif    *uint8   `yaml:"numPeerNotif,omitempty"`
	TLBLogicalLB    *uint8   `yaml:"tlbLogicalLb,omitempty"`
	AllSlavesActive *uint8   `yaml:"allSlavesActive,omitempty"`
	PeerNotifDelay  *uint32  `yaml:"peerNotifDelay,omitempty"`
	MissedMax       *uint8   `yaml:"missedMax,omitempty"`
	Link            `yaml:",inline"`
}

// WireguardConfig makes a WireGuard link.
type WireguardConfig struct {
	Named        `yaml:",inline"`
	PrivateKey   string          `yaml:"privateKey"`
	ListenPort   int             `yaml:"listenPort,omitempty"`
	FirewallMark int             `yaml:"firewallMark,omitempty"`
	Peers        []WireguardPeer `yaml:"peers,omitempty"`
	Link         `yaml:",inline"`
}

// WireguardPeer is a peer of a WireGuard link.
type WireguardPeer struct {
	PublicKey                   string        `yaml:"publicKey"`
	PresharedKey                string        `yaml:"presharedKey,omitempty"`
	Endpoint                    string        `yaml:"endpoint,omitempty"`
	PersistentKeepaliveInterval time.Duration `yaml:"persistentKeepaliveInterval,omitempty"`
	AllowedIPs                  []string      `yaml:"allowedIPs,omitempty"`
}

// EthernetConfig sets what ethtool sets.
type EthernetConfig struct {
	Named    `yaml:",inline"`
	Features map[string]bool `yaml:"features,omitempty"`
	Rings    struct {
		RX           *uint32 `yaml:"rx,omitempty"`
		TX           *uint32 `yaml:"tx,omitempty"`
		RXMini       *uint32 `yaml:"rx-mini,omitempty"`
		RXJumbo      *uint32 `yaml:"rx-jumbo,omitempty"`
		RXBufLen     *uint32 `yaml:"rx-buf-len,omitempty"`
		CQESize      *uint32 `yaml:"cqe-size,omitempty"`
		TXPush       *bool   `yaml:"tx-push,omitempty"`
		RXPush       *bool   `yaml:"rx-push,omitempty"`
		TXPushBufLen *uint32 `yaml:"tx-push-buf-len,omitempty"`
		TCPDataSplit *bool   `yaml:"tcp-data-split,omitempty"`
	} `yaml:"rings,omitempty"`
	Channels struct {
		RX       *uint32 `yaml:"rx,omitempty"`
		TX       *uint32 `yaml:"tx,omitempty"`
		Other    *uint32 `yaml:"other,omitempty"`
		Combined *uint32 `yaml:"combined,omitempty"`
	} `yaml:"channels,omitempty"`
	WakeOnLAN []string `yaml:"wakeOnLan,omitempty"`
}

// LinkAliasConfig gives another name to the link that Selector matches.
type LinkAliasConfig struct {
	Named    `yaml:",inline"`
	Selector Selector `yaml:"selector"`
}

// Selector is a CEL expression.
type Selector struct {
	Match string `yaml:"match"`
}
