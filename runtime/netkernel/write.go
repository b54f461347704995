package netkernel

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/resources/network"
)

// errWatch says that the kernel dropped events: whoever watches must look again.
var errWatch = errors.New("the kernel's event stream ended")

// Watch implements Kernel.
func (Linux) Watch(ctx context.Context, subjects Subject, changed func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	done := ctx.Done()
	onError := func(err error) { cancel(fmt.Errorf("%w: %w", errWatch, err)) }

	if subjects&Links != 0 {
		ch := make(chan netlink.LinkUpdate)
		if err := netlink.LinkSubscribeWithOptions(ch, done, netlink.LinkSubscribeOptions{ErrorCallback: onError}); err != nil {
			return fmt.Errorf("watch links: %w", err)
		}

		go drain(ch, changed, onError)
	}

	if subjects&Addresses != 0 {
		ch := make(chan netlink.AddrUpdate)
		if err := netlink.AddrSubscribeWithOptions(ch, done, netlink.AddrSubscribeOptions{ErrorCallback: onError}); err != nil {
			return fmt.Errorf("watch addresses: %w", err)
		}

		go drain(ch, changed, onError)
	}

	if subjects&Routes != 0 {
		ch := make(chan netlink.RouteUpdate)
		if err := netlink.RouteSubscribeWithOptions(ch, done, netlink.RouteSubscribeOptions{ErrorCallback: onError}); err != nil {
			return fmt.Errorf("watch routes: %w", err)
		}

		go drain(ch, changed, onError)
	}

	<-ctx.Done()

	if err := context.Cause(ctx); errors.Is(err, errWatch) {
		return err
	}

	return nil
}

// drain reads until the library closes the channel, which it does when the
// watch is done or lost.
func drain[T any](ch <-chan T, changed func(), lost func(error)) {
	for range ch {
		changed()
	}

	lost(errors.New("closed"))
}

// SetLink implements Kernel.
func (Linux) SetLink(name string, up bool, mtu uint32) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}

	if mtu != 0 && link.Attrs().MTU != int(mtu) {
		if err = netlink.LinkSetMTU(link, int(mtu)); err != nil {
			return fmt.Errorf("set MTU of %s to %d: %w", name, mtu, err)
		}
	}

	isUp := link.Attrs().RawFlags&unix.IFF_UP != 0

	switch {
	case up && !isUp:
		err = netlink.LinkSetUp(link)
	case !up && isUp:
		err = netlink.LinkSetDown(link)
	}

	if err != nil {
		return fmt.Errorf("bring link %s up or down: %w", name, err)
	}

	return nil
}

func toAddress(spec network.AddressSpecSpec) (netlink.Link, *netlink.Addr, error) {
	link, err := netlink.LinkByName(spec.LinkName)
	if err != nil {
		return nil, nil, fmt.Errorf("find link %s: %w", spec.LinkName, err)
	}

	return link, &netlink.Addr{IPNet: toIPNet(spec.Address), Scope: int(spec.Scope), Flags: int(spec.Flags)}, nil
}

// AddAddress implements Kernel.
func (Linux) AddAddress(spec network.AddressSpecSpec) error {
	link, addr, err := toAddress(spec)
	if err != nil {
		return err
	}

	if err = netlink.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("add address %s to %s: %w", spec.Address, spec.LinkName, err)
	}

	return nil
}

// DeleteAddress implements Kernel.
func (Linux) DeleteAddress(spec network.AddressSpecSpec) error {
	link, addr, err := toAddress(spec)

	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	} else if err != nil {
		return err
	}

	if err = netlink.AddrDel(link, addr); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("delete address %s from %s: %w", spec.Address, spec.LinkName, err)
	}

	return nil
}

func toRoute(spec network.RouteSpecSpec) (*netlink.Route, error) {
	r := &netlink.Route{
		Family:   int(spec.Family),
		Dst:      toIPNet(spec.Destination),
		Table:    int(spec.Table),
		Priority: int(spec.Priority),
		Scope:    netlink.Scope(spec.Scope),
		Type:     int(spec.Type),
		Flags:    int(spec.Flags),
		Protocol: netlink.RouteProtocol(spec.Protocol),
		MTU:      int(spec.MTU),
	}

	if spec.Source.IsValid() {
		r.Src = spec.Source.AsSlice()
	}

	if spec.Gateway.IsValid() {
		r.Gw = spec.Gateway.AsSlice()
	}

	if spec.OutLinkName != "" {
		link, err := netlink.LinkByName(spec.OutLinkName)
		if err != nil {
			return nil, fmt.Errorf("find link %s: %w", spec.OutLinkName, err)
		}

		r.LinkIndex = link.Attrs().Index
	}

	return r, nil
}

// AddRoute implements Kernel.
func (Linux) AddRoute(spec network.RouteSpecSpec) error {
	r, err := toRoute(spec)
	if err != nil {
		return err
	}

	if err = netlink.RouteReplace(r); err != nil {
		return fmt.Errorf("add route %s: %w", spec.ID(), err)
	}

	return nil
}

// DeleteRoute implements Kernel.
func (Linux) DeleteRoute(spec network.RouteSpecSpec) error {
	r, err := toRoute(spec)

	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	} else if err != nil {
		return err
	}

	if err = netlink.RouteDel(r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete route %s: %w", spec.ID(), err)
	}

	return nil
}
