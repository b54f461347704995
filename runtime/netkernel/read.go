package netkernel

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/resources/network"
)

// Linux is the kernel of the network namespace that the process is in.
type Linux struct{}

var _ Kernel = Linux{}

// Links implements Kernel.
func (Linux) Links() ([]Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}

	out := make([]Link, 0, len(all))

	for _, l := range all {
		a := l.Attrs()

		spec := network.LinkStatusSpec{
			AltNames:         a.AltNames,
			Index:            uint32(a.Index),
			Type:             linkType(a.EncapType),
			LinkIndex:        uint32(a.ParentIndex),
			Flags:            network.LinkFlags(a.RawFlags),
			HardwareAddr:     network.HardwareAddr(a.HardwareAddr),
			PermanentAddr:    network.HardwareAddr(a.PermHWAddr),
			MTU:              uint32(a.MTU),
			MasterIndex:      uint32(a.MasterIndex),
			OperationalState: network.OperationalState(a.OperState),
			LinkState:        a.RawFlags&unix.IFF_LOWER_UP != 0,
		}

		// The library calls a link without kind a "device".
		if kind := l.Type(); kind != "device" {
			spec.Kind = kind
		}

		if a.Slave != nil {
			spec.SlaveKind = a.Slave.SlaveType()
		}

		fromSysfs("/sys/class/net", a.Name, &spec)
		out = append(out, Link{Name: a.Name, Spec: spec})
	}

	return out, nil
}

// linkType turns the library's word for the ARP hardware type back.
func linkType(word string) network.LinkType {
	var t network.LinkType

	if err := t.UnmarshalText([]byte(word)); err == nil {
		return t
	}

	return 65535 // void
}

// fromSysfs adds what rtnetlink does not say. A link without hardware has none
// of it.
func fromSysfs(root, name string, spec *network.LinkStatusSpec) {
	dir := filepath.Join(root, name)

	if driver, err := os.Readlink(filepath.Join(dir, "device/driver")); err == nil {
		spec.Driver = filepath.Base(driver)
	}

	if device, err := filepath.EvalSymlinks(filepath.Join(dir, "device")); err == nil {
		// A virtio device is a child of the PCI function that the bus path means.
		for ; len(device) > 1; device = filepath.Dir(device) {
			if sub, err := os.Readlink(filepath.Join(device, "subsystem")); err == nil && filepath.Base(sub) == "pci" {
				spec.BusPath = filepath.Base(device)
				spec.PCIID = pciID(device)

				break
			}
		}
	}

	// Reading fails while the link is down, and drivers without a speed say -1.
	if data, err := os.ReadFile(filepath.Join(dir, "speed")); err == nil {
		if v, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 32); err == nil && v > 0 {
			spec.SpeedMegabits = int32(v)
		}
	}
}

func pciID(device string) string {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(device, name))
		if err != nil {
			return ""
		}

		return strings.ToUpper(strings.TrimPrefix(strings.TrimSpace(string(data)), "0x"))
	}

	vendor, product := read("vendor"), read("device")
	if vendor == "" || product == "" {
		return ""
	}

	return vendor + ":" + product
}

// Addresses implements Kernel.
func (Linux) Addresses() ([]network.AddressStatusSpec, error) {
	names, err := linkNames()
	if err != nil {
		return nil, err
	}

	all, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}

	out := make([]network.AddressStatusSpec, 0, len(all))

	for _, a := range all {
		prefix, ok := toPrefix(a.IPNet)
		if !ok {
			continue
		}

		spec := network.AddressStatusSpec{
			Address:   prefix,
			Local:     prefix.Addr(),
			LinkIndex: uint32(a.LinkIndex),
			LinkName:  names[a.LinkIndex],
			Family:    family(prefix.Addr()),
			Scope:     network.Scope(a.Scope),
			Flags:     network.AddressFlags(a.Flags),
		}

		if b, ok := toAddr(a.Broadcast); ok {
			spec.Broadcast = b
		}

		out = append(out, spec)
	}

	return out, nil
}

// Routes implements Kernel. The local table, which the kernel fills itself for
// each address, is left out, and so are cached routes.
func (Linux) Routes() ([]network.RouteStatusSpec, error) {
	names, err := linkNames()
	if err != nil {
		return nil, err
	}

	all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}

	out := make([]network.RouteStatusSpec, 0, len(all))

	for _, r := range all {
		if r.Table == unix.RT_TABLE_LOCAL || r.Flags&unix.RTM_F_CLONED != 0 {
			continue
		}

		spec := network.RouteStatusSpec{
			Family:       network.Family(r.Family),
			OutLinkIndex: uint32(r.LinkIndex),
			OutLinkName:  names[r.LinkIndex],
			Table:        network.RoutingTable(r.Table),
			Priority:     uint32(r.Priority),
			Scope:        network.Scope(r.Scope),
			Type:         network.RouteType(r.Type),
			Flags:        network.RouteFlags(r.Flags),
			Protocol:     network.RouteProtocol(r.Protocol),
			MTU:          uint32(r.MTU),
		}

		// The default route has no destination in our resources, 0.0.0.0/0 in the
		// library's.
		if p, ok := toPrefix(r.Dst); ok && p.Bits() > 0 {
			spec.Destination = p
		}

		if a, ok := toAddr(r.Src); ok {
			spec.Source = a
		}

		if a, ok := toAddr(r.Gw); ok {
			spec.Gateway = a
		}

		out = append(out, spec)
	}

	return out, nil
}

func linkNames() (map[int]string, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}

	names := make(map[int]string, len(all))
	for _, l := range all {
		names[l.Attrs().Index] = l.Attrs().Name
	}

	return names, nil
}

func family(a netip.Addr) network.Family {
	if a.Is4() {
		return network.FamilyInet4
	}

	return network.FamilyInet6
}

func toAddr(ip net.IP) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(ip)

	return a.Unmap(), ok
}

func toPrefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}

	a, ok := toAddr(n.IP)
	ones, bits := n.Mask.Size()

	// A mask of 128 bits may come with an IPv4 address in its long form.
	if a.Is4() && bits == 128 {
		ones -= 96
	}

	return netip.PrefixFrom(a, ones), ok
}

func toIPNet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}

	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
