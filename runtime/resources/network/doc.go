// Package network holds the resources about links, addresses, routes, names and
// resolvers.
//
// A setting has two resources. A Spec in the namespace "network-config" is a
// wish, with the layer that wishes it in its ID (default, cmdline, platform,
// operator, configuration). A merge controller chooses the highest layer for
// each setting and writes the Spec in the namespace "network"; another controller
// brings the kernel to it. A Status in "network" is what the kernel says.
package network

import (
	"fmt"
	"net/netip"

	"github.com/cosi-project/runtime/pkg/resource"

	"github.com/akmon-os/akmon/runtime/resources/registry"
)

// Namespace holds decided specs and statuses, ConfigNamespace the wishes.
const (
	Namespace       resource.Namespace = "network"
	ConfigNamespace resource.Namespace = "network-config"
)

// LayeredID is the ID of a wish: the layer, then the ID of what is wished.
func LayeredID(layer ConfigLayer, id resource.ID) resource.ID {
	return layer.String() + "/" + id
}

// AddressID is the ID of an address on a link.
func AddressID(link string, addr netip.Prefix) resource.ID { return link + "/" + addr.String() }

// RouteID is the ID of a route.
func RouteID(table RoutingTable, family Family, gateway netip.Addr, dst netip.Prefix, priority uint32, link string) resource.ID {
	prefix := ""
	if table != TableMain {
		prefix = table.String() + "/"
	}

	destination := ""
	if dst.IsValid() {
		destination = dst.String()
	}

	gw := link
	if gateway.IsValid() {
		gw = gateway.String()
	}

	return fmt.Sprintf("%s%s/%s/%s/%d", prefix, family, gw, destination, priority)
}

// OperatorID is the ID of an operator on a link.
func OperatorID(op Operator, link string) resource.ID { return op.String() + "/" + link }

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{
		registry.Of[HostnameSpecSpec, hostnameSpecExt](),
		registry.Of[HostnameStatusSpec, hostnameStatusExt](),
		registry.Of[ResolverSpecSpec, resolverSpecExt](),
		registry.Of[ResolverStatusSpec, resolverStatusExt](),
		registry.Of[LinkSpecSpec, linkSpecExt](),
		registry.Of[LinkStatusSpec, linkStatusExt](),
		registry.Of[AddressSpecSpec, addressSpecExt](),
		registry.Of[AddressStatusSpec, addressStatusExt](),
		registry.Of[RouteSpecSpec, routeSpecExt](),
		registry.Of[RouteStatusSpec, routeStatusExt](),
		registry.Of[OperatorSpecSpec, operatorSpecExt](),
		registry.Of[NodeAddressSpec, nodeAddressExt](),
		registry.Of[StatusSpec, statusExt](),
	}
}

func metadata(ns resource.Namespace, typ resource.Type, id resource.ID) resource.Metadata {
	return resource.NewMetadata(ns, typ, id, resource.VersionUndefined)
}
