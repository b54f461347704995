package dhcp_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/akmon-os/akmon/runtime/dhcp"
)

func ack(t testing.TB, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()

	m, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4(10, 0, 2, 15)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithServerIP(net.IPv4(10, 0, 2, 2)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 2, 2))),
		dhcpv4.WithRouter(net.IPv4(10, 0, 2, 2)), dhcpv4.WithDNS(net.IPv4(10, 0, 2, 3)), dhcpv4.WithLeaseTime(1000),
	}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}

	return m
}

func TestParse(t *testing.T) {
	base := dhcp.Lease{
		Address: netip.MustParsePrefix("10.0.2.15/24"), Server: netip.MustParseAddr("10.0.2.2"), Routers: []netip.Addr{netip.MustParseAddr("10.0.2.2")},
		DNS: []netip.Addr{netip.MustParseAddr("10.0.2.3")}, Duration: 1000 * time.Second, T1: 500 * time.Second, T2: 875 * time.Second,
	}

	full := base
	full.Hostname, full.Domain, full.Search, full.MTU = "box", "example.org", []string{"example.org"}, 1400

	classless := base
	classless.Routers = nil
	classless.Routes = []dhcp.Route{
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.2.1")},
		{Destination: netip.MustParsePrefix("192.0.2.0/24")},
	}

	for name, tc := range map[string]struct {
		mods []dhcpv4.Modifier
		want dhcp.Lease
	}{
		"plain": {nil, base},
		"full": {[]dhcpv4.Modifier{
			dhcpv4.WithOption(dhcpv4.OptHostName("box")), dhcpv4.WithOption(dhcpv4.OptDomainName("example.org")),
			dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{5, 120}),
		}, full},
		"classless routes replace routers": {[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(
			&dhcpv4.Route{Dest: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Router: net.IPv4(10, 0, 2, 1)},
			&dhcpv4.Route{Dest: &net.IPNet{IP: net.IPv4(192, 0, 2, 0), Mask: net.CIDRMask(24, 32)}, Router: net.IPv4zero},
		))}, classless},
		"an MTU that IPv4 forbids": {[]dhcpv4.Modifier{dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0, 10})}, base},
	} {
		got, err := dhcp.Parse(ack(t, tc.mods...))
		if err != nil {
			t.Errorf("%s: %v", name, err)

			continue
		}

		if diff := cmp.Diff(tc.want, *got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	if _, err := dhcp.Parse(ack(t, dhcpv4.WithYourIP(net.IPv4zero))); err == nil {
		t.Error("a lease without an address was accepted")
	}
}

// FuzzParse feeds what a server may send.
func FuzzParse(f *testing.F) {
	f.Add(ack(f).ToBytes())
	f.Add(ack(f, dhcpv4.WithGeneric(dhcpv4.OptionClasslessStaticRoute, []byte{33, 1, 2}), dhcpv4.WithGeneric(dhcpv4.OptionSubnetMask, []byte{1})).ToBytes())

	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := dhcpv4.FromBytes(data)
		if err != nil {
			return
		}

		lease, err := dhcp.Parse(m)
		if err != nil {
			return
		}

		if !lease.Address.IsValid() {
			t.Fatalf("address %v", lease.Address)
		}
	})
}
