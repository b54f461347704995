package network

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// The enumerations below have the kernel's numbers (linux/if_arp.h, linux/if.h,
// linux/if_addr.h, linux/rtnetlink.h) and print the documented words. All are
// uint32 so that they travel as varints, as the published enums do.
type (
	// LinkType is the ARP hardware type of a link.
	LinkType uint32
	// LinkFlags are IFF_ flags.
	LinkFlags uint32
	// OperationalState is the operational state of RFC 2863.
	OperationalState uint32
	// Family is an address family.
	Family uint32
	// Scope says how far an address or route reaches.
	Scope uint32
	// AddressFlags are IFA_F_ flags.
	AddressFlags uint32
	// RoutingTable is a routing table's number.
	RoutingTable uint32
	// RouteType is what a route does with a packet.
	RouteType uint32
	// RouteFlags are RTM_F_ flags.
	RouteFlags uint32
	// RouteProtocol says who made a route.
	RouteProtocol uint32
	// ConfigLayer says who wants a setting; a higher layer wins.
	ConfigLayer uint32
	// Operator is a kind of network agent.
	Operator uint32
	// SortAlgorithm orders the addresses of a NodeAddress.
	SortAlgorithm uint32
)

// Values used by the controllers.
const (
	LinkEther    LinkType = 1
	LinkLoopback LinkType = 772

	OperStateUp OperationalState = 6

	FamilyInet4 Family = 2
	FamilyInet6 Family = 10

	ScopeGlobal Scope = 0
	ScopeLink   Scope = 253
	ScopeHost   Scope = 254

	AddressTentative AddressFlags = 1 << 6
	AddressPermanent AddressFlags = 1 << 7

	TableMain RoutingTable = 254

	RouteUnicast RouteType = 1

	ProtocolKernel RouteProtocol = 2
	ProtocolBoot   RouteProtocol = 3
	ProtocolStatic RouteProtocol = 4

	LayerDefault       ConfigLayer = 0
	LayerCmdline       ConfigLayer = 1
	LayerPlatform      ConfigLayer = 2
	LayerOperator      ConfigLayer = 3
	LayerConfiguration ConfigLayer = 4

	OperatorDHCP4 Operator = 0

	SortV1 SortAlgorithm = 0
)

var (
	linkTypes = map[uint32]string{
		0: "netrom", 1: "ether", 24: "ieee1394", 32: "infiniband", 280: "can", 512: "ppp", 519: "rawip",
		768: "ipip", 769: "tunnel6", 772: "loopback", 776: "sit", 778: "gre", 801: "ieee80211", 823: "ip6gre",
		824: "netlink", 65534: "none", 65535: "void",
	}
	linkFlags = []string{
		"UP", "BROADCAST", "DEBUG", "LOOPBACK", "POINTTOPOINT", "NOTRAILERS", "RUNNING", "NOARP", "PROMISC", "ALLMULTI",
		"MASTER", "SLAVE", "MULTICAST", "PORTSEL", "AUTOMEDIA", "DYNAMIC", "LOWER_UP", "DORMANT", "ECHO",
	}
	operStates = map[uint32]string{
		0: "unknown", 1: "notPresent", 2: "down", 3: "lowerLayerDown", 4: "testing", 5: "dormant", 6: "up",
	}
	families     = map[uint32]string{2: "inet4", 10: "inet6"}
	scopes       = map[uint32]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
	addressFlags = []string{
		"temporary", "nodad", "optimistic", "dadfailed", "homeaddress", "deprecated", "tentative", "permanent",
		"mngmtmpaddr", "noprefixroute", "mcautojoin", "stableprivacy",
	}
	tables     = map[uint32]string{0: "unspec", 253: "default", 254: "main", 255: "local"}
	routeTypes = map[uint32]string{
		0: "unspec", 1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
		7: "unreachable", 8: "prohibit", 9: "throw", 10: "nat", 11: "xresolve",
	}
	// routeFlags start at bit 8: the lower ones are next hop flags.
	routeFlags     = []string{8: "notify", "cloned", "equalize", "prefix", "lookup_table", "fib_match", "offload", "trap"}
	routeProtocols = map[uint32]string{
		0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp", 18: "keepalived",
		42: "babel", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
	}
	layers    = map[uint32]string{0: "default", 1: "cmdline", 2: "platform", 3: "operator", 4: "configuration"}
	operators = map[uint32]string{0: "dhcp4", 1: "dhcp6", 2: "vip"}
	sorts     = map[uint32]string{0: "v1", 1: "v2"}
)

// word prints a value; one without a word prints as its number, which is how
// routing tables are written and loses nothing for the others.
func word(names map[uint32]string, v uint32) string {
	if s, ok := names[v]; ok {
		return s
	}

	return strconv.FormatUint(uint64(v), 10)
}

func parseWord[T ~uint32](names map[uint32]string, text []byte, into *T) error {
	for v, s := range names {
		if s == string(text) {
			*into = T(v)

			return nil
		}
	}

	v, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil {
		return fmt.Errorf("unknown value %q", text)
	}

	*into = T(v)

	return nil
}

func words(names []string, v uint32) string {
	var out []string

	for i, s := range names {
		if s != "" && v&(1<<i) != 0 {
			out = append(out, s)
		}
	}

	return strings.Join(out, ",")
}

func parseWords[T ~uint32](names []string, text []byte, into *T) error {
	*into = 0

next:
	for part := range strings.SplitSeq(string(text), ",") {
		if part == "" {
			continue
		}

		for i, s := range names {
			if s == part {
				*into |= 1 << i

				continue next
			}
		}

		return fmt.Errorf("unknown flag %q", part)
	}

	return nil
}

// String implements fmt.Stringer.
func (v LinkType) String() string { return word(linkTypes, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v LinkType) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *LinkType) UnmarshalText(text []byte) error { return parseWord(linkTypes, text, v) }

// String implements fmt.Stringer.
func (v LinkFlags) String() string { return words(linkFlags, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v LinkFlags) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *LinkFlags) UnmarshalText(text []byte) error { return parseWords(linkFlags, text, v) }

// String implements fmt.Stringer.
func (v OperationalState) String() string { return word(operStates, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v OperationalState) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *OperationalState) UnmarshalText(text []byte) error { return parseWord(operStates, text, v) }

// String implements fmt.Stringer.
func (v Family) String() string { return word(families, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v Family) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Family) UnmarshalText(text []byte) error { return parseWord(families, text, v) }

// String implements fmt.Stringer.
func (v Scope) String() string { return word(scopes, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v Scope) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Scope) UnmarshalText(text []byte) error { return parseWord(scopes, text, v) }

// String implements fmt.Stringer.
func (v AddressFlags) String() string { return words(addressFlags, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v AddressFlags) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *AddressFlags) UnmarshalText(text []byte) error { return parseWords(addressFlags, text, v) }

// String implements fmt.Stringer.
func (v RoutingTable) String() string { return word(tables, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v RoutingTable) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *RoutingTable) UnmarshalText(text []byte) error { return parseWord(tables, text, v) }

// String implements fmt.Stringer.
func (v RouteType) String() string { return word(routeTypes, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v RouteType) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *RouteType) UnmarshalText(text []byte) error { return parseWord(routeTypes, text, v) }

// String implements fmt.Stringer.
func (v RouteFlags) String() string { return words(routeFlags, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v RouteFlags) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *RouteFlags) UnmarshalText(text []byte) error { return parseWords(routeFlags, text, v) }

// String implements fmt.Stringer.
func (v RouteProtocol) String() string { return word(routeProtocols, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v RouteProtocol) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *RouteProtocol) UnmarshalText(text []byte) error { return parseWord(routeProtocols, text, v) }

// String implements fmt.Stringer.
func (v ConfigLayer) String() string { return word(layers, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v ConfigLayer) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *ConfigLayer) UnmarshalText(text []byte) error { return parseWord(layers, text, v) }

// String implements fmt.Stringer.
func (v Operator) String() string { return word(operators, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v Operator) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Operator) UnmarshalText(text []byte) error { return parseWord(operators, text, v) }

// String implements fmt.Stringer.
func (v SortAlgorithm) String() string { return word(sorts, uint32(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v SortAlgorithm) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *SortAlgorithm) UnmarshalText(text []byte) error { return parseWord(sorts, text, v) }

// HardwareAddr is a link layer address; it prints with colons.
type HardwareAddr []byte

// String implements fmt.Stringer.
func (a HardwareAddr) String() string { return net.HardwareAddr(a).String() }

// MarshalText implements encoding.TextMarshaler.
func (a HardwareAddr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *HardwareAddr) UnmarshalText(text []byte) error {
	*a = nil

	if len(text) == 0 {
		return nil
	}

	hw, err := net.ParseMAC(string(text))
	if err != nil {
		return fmt.Errorf("parse hardware address: %w", err)
	}

	*a = HardwareAddr(hw)

	return nil
}
