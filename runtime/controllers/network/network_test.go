package network_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/network"
	"github.com/akmon-os/akmon/runtime/dhcp"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/files"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// kernel is a network in memory: a loopback, a card and a bridge.
type kernel struct {
	mu      sync.Mutex
	links   []netkernel.Link
	addrs   []network.AddressStatusSpec
	routes  []network.RouteStatusSpec
	watches []func()
}

func newKernel() *kernel {
	return &kernel{links: []netkernel.Link{
		{Name: "br0", Spec: network.LinkStatusSpec{Index: 3, Type: network.LinkEther, Kind: "bridge"}},
		{Name: "eth0", Spec: network.LinkStatusSpec{Index: 2, Type: network.LinkEther, HardwareAddr: network.HardwareAddr{2, 0, 0, 0, 0, 1}, Driver: "virtio_net"}},
		{Name: "lo", Spec: network.LinkStatusSpec{Index: 1, Type: network.LinkLoopback}},
	}}
}

func (k *kernel) Links() ([]netkernel.Link, error) {
	k.mu.Lock()
	defer k.mu.Unlock()

	return slices.Clone(k.links), nil
}

func (k *kernel) Addresses() ([]network.AddressStatusSpec, error) {
	k.mu.Lock()
	defer k.mu.Unlock()

	return slices.Clone(k.addrs), nil
}

func (k *kernel) Routes() ([]network.RouteStatusSpec, error) {
	k.mu.Lock()
	defer k.mu.Unlock()

	return slices.Clone(k.routes), nil
}

func (k *kernel) Watch(ctx context.Context, _ netkernel.Subject, changed func()) error {
	k.mu.Lock()
	k.watches = append(k.watches, changed)
	k.mu.Unlock()

	changed()
	<-ctx.Done()

	return nil
}

// change does something to the network and tells everyone.
func (k *kernel) change(fn func()) error {
	k.mu.Lock()
	fn()
	watches := slices.Clone(k.watches)
	k.mu.Unlock()

	for _, w := range watches {
		w()
	}

	return nil
}

func (k *kernel) SetLink(name string, up bool, mtu uint32) error {
	return k.change(func() {
		for i := range k.links {
			if l := &k.links[i]; l.Name == name && up {
				l.Spec.Flags |= 1
				l.Spec.LinkState = true
				l.Spec.OperationalState = network.OperStateUp

				if mtu != 0 {
					l.Spec.MTU = mtu
				}
			}
		}
	})
}

func (k *kernel) AddAddress(s network.AddressSpecSpec) error {
	return k.change(func() {
		k.addrs = append(k.addrs, network.AddressStatusSpec{Address: s.Address, LinkName: s.LinkName, Family: s.Family, Scope: s.Scope})
	})
}

func (k *kernel) DeleteAddress(s network.AddressSpecSpec) error {
	return k.change(func() {
		k.addrs = slices.DeleteFunc(k.addrs, func(a network.AddressStatusSpec) bool { return a.Address == s.Address })
	})
}

func (k *kernel) AddRoute(s network.RouteSpecSpec) error {
	return k.change(func() {
		k.routes = append(k.routes, network.RouteStatusSpec{
			Family: s.Family, Destination: s.Destination, Gateway: s.Gateway, OutLinkName: s.OutLinkName, Table: s.Table, Priority: s.Priority,
		})
	})
}

func (k *kernel) DeleteRoute(s network.RouteSpecSpec) error {
	return k.change(func() {
		k.routes = slices.DeleteFunc(k.routes, func(r network.RouteStatusSpec) bool { return r.Gateway == s.Gateway && r.Destination == s.Destination })
	})
}

// server is a DHCP server in memory: what is sent on the channel is the lease.
type server struct {
	mu     sync.Mutex
	links  []string
	leases chan *dhcp.Lease
}

func (s *server) run(ctx context.Context, opts dhcp.Options, changed func(*dhcp.Lease)) {
	s.mu.Lock()
	s.links = append(s.links, opts.Link)
	s.mu.Unlock()

	for {
		select {
		case <-ctx.Done():
			return
		case l := <-s.leases:
			changed(l)
		}
	}
}

func start(t *testing.T) (state.State, *kernel, *server, *sync.Map) {
	t.Helper()

	k, s, names := newKernel(), &server{leases: make(chan *dhcp.Lease)}, &sync.Map{}
	st := ctest.Start(t, ctrl.Controllers(ctrl.System{
		Kernel: k, DHCP: s.run, MachineID: func() string { return "id" },
		SetHostname: func(host, _ string) error { names.Store(host, true); return nil },
	})...)

	return st, k, s, names
}

func lease() *dhcp.Lease {
	return &dhcp.Lease{
		Address: netip.MustParsePrefix("10.0.2.15/24"), Routers: []netip.Addr{netip.MustParseAddr("10.0.2.2")},
		DNS: []netip.Addr{netip.MustParseAddr("10.0.2.3")}, Hostname: "box", Domain: "example.org", Search: []string{"example.org"},
	}
}

func always[R any](R) bool { return true }

func TestDHCP(t *testing.T) {
	st, k, s, names := start(t)

	// Before any lease: links are up, the name is the machine's own, resolvers are
	// the defaults.
	ctest.Wait(t, st, network.NewLinkStatus("eth0"), func(l *network.LinkStatus) bool { return l.TypedSpec().LinkState })
	ctest.Wait(t, st, network.NewLinkStatus("lo"), func(l *network.LinkStatus) bool { return l.TypedSpec().Flags&1 != 0 })
	own := ctest.Wait(t, st, network.NewHostnameStatus(), always[*network.HostnameStatus]).TypedSpec().Hostname

	if own != ctrl.StableHostname("id") || len(own) != len("talos-xxx-yyy") {
		t.Errorf("host name %q", own)
	}

	s.leases <- lease()

	ctest.Wait(t, st, network.NewHostnameStatus(), func(h *network.HostnameStatus) bool { return h.TypedSpec().FQDN() == "box.example.org" })
	ctest.Wait(t, st, network.NewResolverStatus(), func(r *network.ResolverStatus) bool {
		return slices.Equal(r.TypedSpec().DNSServers, lease().DNS)
	})
	ctest.Wait(t, st, network.NewNodeAddress(network.NodeAddressDefault), func(a *network.NodeAddress) bool {
		return slices.Equal(a.TypedSpec().Addresses, []netip.Prefix{lease().Address})
	})
	ctest.Wait(t, st, network.NewRouteStatus("inet4/10.0.2.2//1024"), always[*network.RouteStatus])
	ctest.Wait(t, st, network.NewStatus(), func(n *network.Status) bool {
		return n.TypedSpec().AddressReady && n.TypedSpec().ConnectivityReady && n.TypedSpec().HostnameReady
	})
	ctest.Wait(t, st, files.NewEtcFileSpec("hosts"), func(f *files.EtcFileSpec) bool {
		return strings.Contains(string(f.TypedSpec().Contents), "10.0.2.15       box.example.org box\n")
	})
	ctest.Wait(t, st, files.NewEtcFileSpec("resolv.conf"), func(f *files.EtcFileSpec) bool {
		return string(f.TypedSpec().Contents) == "nameserver 10.0.2.3\nsearch example.org\n"
	})

	if _, ok := names.Load("box"); !ok {
		t.Error("the kernel did not get its name")
	}

	// The bridge is not hardware: no client runs on it.
	s.mu.Lock()
	links := slices.Clone(s.links)
	s.mu.Unlock()

	if diff := cmp.Diff([]string{"eth0"}, links); diff != "" {
		t.Errorf("DHCP on (-want +got):\n%s", diff)
	}

	// What a lease gave goes with it.
	s.leases <- nil

	ctest.Gone(t, st, network.NewAddressStatus("eth0/10.0.2.15/24"))
	ctest.Gone(t, st, network.NewRouteStatus("inet4/10.0.2.2//1024"))
	ctest.Wait(t, st, network.NewHostnameStatus(), func(h *network.HostnameStatus) bool { return h.TypedSpec().Hostname == own })

	if addrs, _ := k.Addresses(); len(addrs) != 0 { //nolint:errcheck
		t.Errorf("addresses left: %v", addrs)
	}
}

func TestCommandLineName(t *testing.T) {
	st, _, s, _ := start(t)

	cmdline := runtime.NewKernelCmdline()
	cmdline.TypedSpec().Cmdline = "talos.hostname=bad_name! talos.hostname=fromcmdline.example.com"

	if err := st.Create(t.Context(), cmdline); err != nil {
		t.Fatal(err)
	}

	ctest.Wait(t, st, network.NewHostnameStatus(), func(h *network.HostnameStatus) bool {
		return h.TypedSpec().FQDN() == "fromcmdline.example.com"
	})

	// The operator's layer is above it.
	s.leases <- lease()

	ctest.Wait(t, st, network.NewHostnameStatus(), func(h *network.HostnameStatus) bool { return h.TypedSpec().Hostname == "box" })
}

const static = `version: v1alpha1
machine:
  type: controlplane
  network:
    hostname: configured
    nameservers: [192.0.2.53]
    extraHostEntries:
      - ip: 192.0.2.9
        aliases: [registry]
    interfaces:
      - deviceSelector:
          driver: virtio*
        mtu: 9000
        addresses: [192.0.2.10/24]
        routes:
          - network: 0.0.0.0/0
            gateway: 192.0.2.1
`

func TestStaticConfiguration(t *testing.T) {
	st, _, s, _ := start(t)

	s.leases <- lease()

	ctest.Wait(t, st, network.NewAddressStatus("eth0/10.0.2.15/24"), always[*network.AddressStatus])

	if err := st.Create(t.Context(), config.NewMachineConfig([]byte(static))); err != nil {
		t.Fatal(err)
	}

	// The lease's address goes, the configured one comes.
	ctest.Wait(t, st, network.NewAddressStatus("eth0/192.0.2.10/24"), always[*network.AddressStatus])
	ctest.Gone(t, st, network.NewAddressStatus("eth0/10.0.2.15/24"))
	ctest.Wait(t, st, network.NewRouteStatus("inet4/192.0.2.1//1024"), always[*network.RouteStatus])
	ctest.Wait(t, st, network.NewLinkStatus("eth0"), func(l *network.LinkStatus) bool { return l.TypedSpec().MTU == 9000 })
	ctest.Wait(t, st, network.NewHostnameStatus(), func(h *network.HostnameStatus) bool { return h.TypedSpec().Hostname == "configured" })
	ctest.Wait(t, st, files.NewEtcFileSpec("resolv.conf"), func(f *files.EtcFileSpec) bool {
		return string(f.TypedSpec().Contents) == "nameserver 192.0.2.53\n"
	})
	ctest.Wait(t, st, files.NewEtcFileSpec("hosts"), func(f *files.EtcFileSpec) bool {
		return strings.Contains(string(f.TypedSpec().Contents), "192.0.2.9       registry\n")
	})

	// Changing it back to nothing brings DHCP again.
	if _, err := safe.StateUpdateWithConflicts(t.Context(), st, config.NewMachineConfig(nil).Metadata(), func(r *config.MachineConfig) error {
		r.SetData([]byte("version: v1alpha1\nmachine:\n  type: controlplane\n"))

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	ctest.Gone(t, st, network.NewAddressStatus("eth0/192.0.2.10/24"))

	s.leases <- lease()

	ctest.Wait(t, st, network.NewAddressStatus("eth0/10.0.2.15/24"), always[*network.AddressStatus])
}

// TestPanic shows that a panic in one controller's work ends neither the process
// nor the network.
func TestPanic(t *testing.T) {
	crashed := false
	leases := make(chan *dhcp.Lease)
	k := newKernel()

	st := ctest.Start(t, ctrl.Controllers(ctrl.System{
		Kernel: k, MachineID: func() string { return "id" }, SetHostname: func(string, string) error { return nil },
		DHCP: func(ctx context.Context, _ dhcp.Options, changed func(*dhcp.Lease)) {
			if !crashed {
				crashed = true

				panic("a packet that nobody expected")
			}

			select {
			case l := <-leases:
				changed(l)
			case <-ctx.Done():
				return
			}

			<-ctx.Done()
		},
	})...)

	leases <- lease()

	ctest.Wait(t, st, network.NewAddressStatus("eth0/10.0.2.15/24"), always[*network.AddressStatus])
}
