// Package netkernel is the network as the kernel has it: links, addresses and
// routes, read, watched and changed. Controllers see the Kernel interface, so
// that tests need no privileges; Linux is the real one (rtnetlink).
package netkernel

import (
	"context"

	"github.com/akmon-os/akmon/runtime/resources/network"
)

// Subject is what a watch is about; subjects may be added together.
type Subject int

// Subjects.
const (
	Links Subject = 1 << iota
	Addresses
	Routes
)

// Link is a link with its name.
type Link struct {
	Name string
	Spec network.LinkStatusSpec
}

// Kernel is the network of a machine. It must be safe for concurrent use.
type Kernel interface {
	Links() ([]Link, error)
	Addresses() ([]network.AddressStatusSpec, error)
	Routes() ([]network.RouteStatusSpec, error)
	// Watch calls changed, perhaps for nothing, after a subject has changed, until
	// ctx ends (nil) or the watch is lost (an error).
	Watch(ctx context.Context, subjects Subject, changed func()) error
	// SetLink brings a link up or down and sets its MTU unless that is 0.
	SetLink(name string, up bool, mtu uint32) error
	// AddAddress and AddRoute succeed when it is there already; DeleteAddress and
	// DeleteRoute when it is not there.
	AddAddress(network.AddressSpecSpec) error
	DeleteAddress(network.AddressSpecSpec) error
	AddRoute(network.RouteSpecSpec) error
	DeleteRoute(network.RouteSpecSpec) error
}
