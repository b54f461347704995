// Package dhcp keeps a DHCPv4 lease on a link (RFC 2131): it asks until a server
// answers, renews at T1, rebinds at T2 and starts anew when the lease ends.
package dhcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/rfc1035label"
	"go.uber.org/zap"
)

// Lease is what a server gave.
type Lease struct {
	Address  netip.Prefix
	Server   netip.Addr
	Routers  []netip.Addr
	Routes   []Route
	DNS      []netip.Addr
	Search   []string
	Hostname string
	Domain   string
	// MTU in octets; 0 when the server says nothing.
	MTU uint32
	// Duration of the lease; T1 and T2 are when to renew and to rebind.
	Duration, T1, T2 time.Duration
}

// Route is a classless static route (RFC 3442). A gateway that is unset means
// that the destination is on the link.
type Route struct {
	Destination netip.Prefix
	Gateway     netip.Addr
}

// Options configure a client.
type Options struct {
	Link         string
	HardwareAddr net.HardwareAddr
	// Hostname is what the client calls itself, if not empty.
	Hostname string
	Logger   *zap.Logger
}

// Pauses between attempts without an answer, and the shortest time to renewal.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	minRenewal = 5 * time.Second
)

// Run keeps a lease until ctx ends and calls changed with each new one, and with
// nil when a lease has ended without a new one.
func Run(ctx context.Context, opts Options, changed func(*Lease)) {
	retry := firstRetry

	for ctx.Err() == nil {
		raw, err := acquire(ctx, opts)
		if err != nil {
			if ctx.Err() == nil {
				opts.Logger.Debug("no DHCP lease", zap.String("link", opts.Link), zap.Error(err))
			}

			sleep(ctx, retry)
			retry = min(retry*2, lastRetry)

			continue
		}

		retry = firstRetry

		if err = hold(ctx, opts, raw, changed); err != nil {
			opts.Logger.Warn("DHCP lease lost", zap.String("link", opts.Link), zap.Error(err))
			changed(nil)
		}
	}
}

func acquire(ctx context.Context, opts Options) (*nclient4.Lease, error) {
	client, err := nclient4.New(opts.Link, nclient4.WithHWAddr(opts.HardwareAddr), nclient4.WithTimeout(2*time.Second), nclient4.WithRetry(3))
	if err != nil {
		return nil, fmt.Errorf("open DHCP client: %w", err)
	}

	defer client.Close() //nolint:errcheck

	lease, err := client.Request(ctx, modifiers(opts)...)
	if err != nil {
		return nil, fmt.Errorf("request lease: %w", err)
	}

	return lease, nil
}

// hold renews a lease until it can't be, which is the error.
func hold(ctx context.Context, opts Options, raw *nclient4.Lease, changed func(*Lease)) error {
	lease, err := Parse(raw.ACK)
	if err != nil {
		return err
	}

	began := time.Now()

	opts.Logger.Info("DHCP lease", zap.String("link", opts.Link), zap.Stringer("address", lease.Address),
		zap.Stringer("server", lease.Server), zap.Duration("for", lease.Duration))
	changed(lease)

	wait := lease.T1

	for {
		if sleep(ctx, max(wait, minRenewal)); ctx.Err() != nil {
			return nil
		}

		next, err := renew(ctx, opts, raw, lease, time.Since(began) < lease.T2)

		switch {
		case err == nil:
			renewed, err := Parse(next.ACK)
			if err != nil {
				return err
			}

			raw, lease, began, wait = next, renewed, time.Now(), renewed.T1
			changed(lease)
		case ctx.Err() != nil:
			return nil
		case time.Since(began) >= lease.Duration:
			return fmt.Errorf("lease of %s ended: %w", lease.Address, err)
		default:
			// Half of what is left, as RFC 2131, 4.4.5 says, but one minute at least.
			wait = min(max((lease.Duration-time.Since(began))/2, time.Minute), lease.Duration-time.Since(began))
		}
	}
}

// renew asks the server that gave the lease, or (rebinding) every server.
func renew(ctx context.Context, opts Options, raw *nclient4.Lease, lease *Lease, unicast bool) (*nclient4.Lease, error) {
	options := []nclient4.ClientOpt{nclient4.WithHWAddr(opts.HardwareAddr), nclient4.WithTimeout(2 * time.Second), nclient4.WithRetry(2)}

	if unicast && lease.Server.IsValid() {
		conn, err := net.ListenPacket("udp4", net.JoinHostPort(lease.Address.Addr().String(), "68"))
		if err != nil {
			return nil, fmt.Errorf("open renewal socket: %w", err)
		}

		client, err := nclient4.NewWithConn(conn, opts.HardwareAddr, append(options,
			nclient4.WithServerAddr(&net.UDPAddr{IP: lease.Server.AsSlice(), Port: nclient4.ServerPort}))...)
		if err != nil {
			conn.Close() //nolint:errcheck

			return nil, fmt.Errorf("open DHCP client: %w", err)
		}

		defer client.Close() //nolint:errcheck

		return client.Renew(ctx, raw, modifiers(opts)...)
	}

	client, err := nclient4.New(opts.Link, options...)
	if err != nil {
		return nil, fmt.Errorf("open DHCP client: %w", err)
	}

	defer client.Close() //nolint:errcheck

	return client.Renew(ctx, raw, modifiers(opts)...)
}

func modifiers(opts Options) []dhcpv4.Modifier {
	out := []dhcpv4.Modifier{dhcpv4.WithRequestedOptions(
		dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
		dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionHostName, dhcpv4.OptionDomainName, dhcpv4.OptionNTPServers,
		dhcpv4.OptionInterfaceMTU,
	)}

	if opts.Hostname != "" {
		out = append(out, dhcpv4.WithOption(dhcpv4.OptHostName(opts.Hostname)))
	}

	return out
}

// Parse reads the lease in a server's acknowledgement.
func Parse(ack *dhcpv4.DHCPv4) (*Lease, error) {
	addr, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || addr.IsUnspecified() {
		return nil, fmt.Errorf("lease has no address")
	}

	bits := 32
	if mask := ack.SubnetMask(); mask != nil {
		bits, _ = mask.Size()
	}

	lease := &Lease{
		Address:  netip.PrefixFrom(addr, bits),
		Routers:  addrs(ack.Router()),
		DNS:      addrs(ack.DNS()),
		Hostname: ack.HostName(),
		Domain:   ack.DomainName(),
		Duration: ack.IPAddressLeaseTime(time.Hour),
	}

	lease.T1 = ack.IPAddressRenewalTime(lease.Duration / 2)
	lease.T2 = ack.IPAddressRebindingTime(lease.Duration * 7 / 8)

	if server := addrs([]net.IP{ack.ServerIdentifier()}); len(server) == 1 {
		lease.Server = server[0]
	}

	if labels := rfc1035(ack); len(labels) > 0 {
		lease.Search = labels
	} else if lease.Domain != "" {
		lease.Search = []string{lease.Domain}
	}

	for _, r := range ack.ClasslessStaticRoute() {
		dst, ok := netip.AddrFromSlice(r.Dest.IP.To4())
		if !ok {
			continue
		}

		ones, _ := r.Dest.Mask.Size()
		route := Route{Destination: netip.PrefixFrom(dst, ones)}

		if gw := addrs([]net.IP{r.Router}); len(gw) == 1 && !gw[0].IsUnspecified() {
			route.Gateway = gw[0]
		}

		lease.Routes = append(lease.Routes, route)
	}

	// RFC 3442: a client that gets classless routes ignores the router option.
	if len(lease.Routes) > 0 {
		lease.Routers = nil
	}

	if mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options); err == nil && mtu >= 576 {
		lease.MTU = uint32(mtu)
	}

	return lease, nil
}

func rfc1035(ack *dhcpv4.DHCPv4) []string {
	var labels *rfc1035label.Labels
	if labels = ack.DomainSearch(); labels == nil {
		return nil
	}

	return slices.Clone(labels.Labels)
}

func addrs(ips []net.IP) []netip.Addr {
	var out []netip.Addr

	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok {
			out = append(out, a)
		}
	}

	return out
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
