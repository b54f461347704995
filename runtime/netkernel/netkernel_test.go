package netkernel_test

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

func TestReadLoopback(t *testing.T) {
	links, err := netkernel.Linux{}.Links()
	if err != nil {
		t.Fatal(err)
	}

	i := slices.IndexFunc(links, func(l netkernel.Link) bool { return l.Name == "lo" })
	if i < 0 || links[i].Spec.Type != network.LinkLoopback || links[i].Spec.Physical() || links[i].Spec.MTU == 0 {
		t.Errorf("links %+v", links)
	}
}

// TestChange does to a network namespace of its own what controllers do.
func TestChange(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a network namespace wants root")
	}

	// The thread keeps the namespace and is thrown away with the goroutine.
	runtime.LockOSThread()

	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("no network namespaces here:", err)
	}

	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a"}, PeerName: "b"}); err != nil {
		t.Skip("no veth here:", err)
	}

	k := netkernel.Linux{}

	for _, name := range []string{"lo", "a", "b"} {
		if err := k.SetLink(name, true, 0); err != nil {
			t.Fatal(err)
		}
	}

	if err := k.SetLink("a", true, 1400); err != nil {
		t.Fatal(err)
	}

	addr := network.AddressSpecSpec{
		Address: netip.MustParsePrefix("192.0.2.1/24"), LinkName: "a", Family: network.FamilyInet4, Flags: network.AddressPermanent,
	}
	route := network.RouteSpecSpec{
		Family: network.FamilyInet4, Gateway: netip.MustParseAddr("192.0.2.254"), OutLinkName: "a", Table: network.TableMain, Priority: 1024,
		Type: network.RouteUnicast, Protocol: network.ProtocolStatic,
	}

	for range 2 { // doing it again changes nothing
		if err := k.AddAddress(addr); err != nil {
			t.Fatal(err)
		}

		if err := k.AddRoute(route); err != nil {
			t.Fatal(err)
		}
	}

	addrs, err := k.Addresses()
	if err != nil {
		t.Fatal(err)
	}

	if !slices.ContainsFunc(addrs, func(a network.AddressStatusSpec) bool { return a.Address == addr.Address && a.LinkName == "a" }) {
		t.Errorf("addresses %+v", addrs)
	}

	routes, err := k.Routes()
	if err != nil {
		t.Fatal(err)
	}

	found := 0

	for _, r := range routes {
		if r.Gateway == route.Gateway && !r.Destination.IsValid() && r.Priority == 1024 && r.OutLinkName == "a" {
			found++
		}
	}

	if found != 1 {
		t.Errorf("routes %+v", routes)
	}

	links, err := k.Links()
	if err != nil {
		t.Fatal(err)
	}

	for _, l := range links {
		if l.Name == "a" && (l.Spec.MTU != 1400 || l.Spec.Kind != "veth" || l.Spec.Physical() || l.Spec.Flags&1 == 0) {
			t.Errorf("link %+v", l.Spec)
		}
	}

	for range 2 { // and undoing it twice is no error
		if err := k.DeleteRoute(route); err != nil {
			t.Fatal(err)
		}

		if err := k.DeleteAddress(addr); err != nil {
			t.Fatal(err)
		}
	}

	gone := addr
	gone.LinkName = "nowhere"

	if err := k.DeleteAddress(gone); err != nil {
		t.Errorf("delete from a link that is gone: %v", err)
	}

	if err := k.AddAddress(gone); err == nil {
		t.Error("an address was added to a link that is not there")
	}
}

func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if err := (netkernel.Linux{}).Watch(ctx, netkernel.Links|netkernel.Addresses|netkernel.Routes, func() {}); err != nil {
		t.Error(err)
	}
}
