package machineconfig

import (
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

func (v *validator) network() {
	n := &v.config.Machine.Network
	at := path{"machine", "network"}

	v.hostname(at.join("hostname"), n.Hostname)

	for i, server := range n.Nameservers {
		v.requiredItem(at.join("nameservers", i), server)
		v.ip(at.join("nameservers", i), server)
	}

	for i, entry := range n.ExtraHostEntries {
		here := at.join("extraHostEntries", i)
		v.required(here.join("ip"), entry.IP)
		v.ip(here.join("ip"), entry.IP)

		for j, alias := range entry.Aliases {
			v.hostname(here.join("aliases", j), alias)
		}
	}

	v.cidrs(at.join("kubespan", "filters", "excludeAdvertisedNetworks"), n.KubeSpan.Filters.ExcludeAdvertisedNetworks)

	seen := map[string]bool{}

	for i := range n.Interfaces {
		link := &n.Interfaces[i]
		here := at.join("interfaces", i)

		if link.Interface != "" && seen[link.Interface] {
			v.fail(here.join("interface"), "%q is configured twice", link.Interface)
		}

		seen[link.Interface] = true
		v.link(here, link)
	}
}

func (v *validator) link(at path, link *v1alpha1.Interface) {
	byDevice := link.DeviceSelector != v1alpha1.DeviceSelector{}

	switch {
	case link.Interface == "" && !byDevice:
		v.fail(at, "needs either interface or deviceSelector")
	case link.Interface != "" && byDevice:
		v.fail(at, "interface and deviceSelector exclude each other")
	}

	v.cidrs(at.join("addresses"), link.Addresses)
	v.cidr(at.join("cidr"), link.CIDR)
	v.routes(at.join("routes"), link.Routes)
	v.ip(at.join("vip", "ip"), link.VIP.IP)

	if link.MTU < 0 {
		v.fail(at.join("mtu"), "must not be negative")
	}

	masters := 0

	for _, set := range []bool{len(link.Bond.Interfaces)+len(link.Bond.DeviceSelectors) > 0, len(link.Bridge.Interfaces) > 0, link.WireGuard.PrivateKey != "", link.Dummy} {
		if set {
			masters++
		}
	}

	if masters > 1 {
		v.fail(at, "bond, bridge, dummy and wireguard exclude each other")
	}

	if len(link.Bond.Interfaces) > 0 {
		v.required(at.join("bond", "mode"), link.Bond.Mode)
	}

	v.oneOf(at.join("bond", "mode"), link.Bond.Mode, bondModes...)
	v.port(at.join("wireguard", "listenPort"), link.WireGuard.ListenPort)

	v.wireGuardKey(at.join("wireguard", "privateKey"), link.WireGuard.PrivateKey)

	for i, peer := range link.WireGuard.Peers {
		v.wireGuardKey(at.join("wireguard", "peers", i, "publicKey"), peer.PublicKey)
		v.required(at.join("wireguard", "peers", i, "publicKey"), peer.PublicKey)
		v.cidrs(at.join("wireguard", "peers", i, "allowedIPs"), peer.AllowedIPs)
	}

	tags := map[uint16]bool{}

	for i := range link.VLANs {
		vlan := &link.VLANs[i]
		here := at.join("vlans", i)

		v.vlanID(here.join("vlanId"), vlan.ID)

		if tags[vlan.ID] {
			v.fail(here.join("vlanId"), "%d is configured twice", vlan.ID)
		}

		tags[vlan.ID] = true

		v.cidrs(here.join("addresses"), vlan.Addresses)
		v.cidr(here.join("cidr"), vlan.CIDR)
		v.routes(here.join("routes"), vlan.Routes)
		v.ip(here.join("vip", "ip"), vlan.VIP.IP)
	}
}

// bondModes are the names of the kernel's bonding modes.
var bondModes = []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}

// vlanID checks a tag (IEEE 802.1Q reserves 0 and 4095).
func (v *validator) vlanID(at path, id uint16) {
	if id < 1 || id > 4094 {
		v.fail(at, "%d is not a VLAN from 1 to 4094", id)
	}
}

func (v *validator) routes(at path, routes []v1alpha1.Route) {
	for i, route := range routes {
		here := at.join(i)

		if route.Network == "" && route.Gateway == "" {
			v.fail(here, "a route needs a network, a gateway, or both")
		}

		v.cidr(here.join("network"), route.Network)
		v.ip(here.join("gateway"), route.Gateway)
		v.ip(here.join("source"), route.Source)
	}
}
