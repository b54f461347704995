package network

import (
	"net/netip"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types.
const (
	RouteSpecType   = resource.Type("RouteSpecs.net.talos.dev")
	RouteStatusType = resource.Type("RouteStatuses.net.talos.dev")
)

// RouteSpec is a wish for a route, or one chosen.
type RouteSpec = typed.Resource[RouteSpecSpec, routeSpecExt]

// RouteSpecSpec is a route that the kernel should have. An unset destination is
// the default route.
type RouteSpecSpec struct {
	Family      Family        `yaml:"family" protobuf:"1"`
	Destination netip.Prefix  `yaml:"dst" protobuf:"2"`
	Source      netip.Addr    `yaml:"src" protobuf:"3"`
	Gateway     netip.Addr    `yaml:"gateway" protobuf:"4"`
	OutLinkName string        `yaml:"outLinkName,omitempty" protobuf:"5"`
	Table       RoutingTable  `yaml:"table" protobuf:"6"`
	Priority    uint32        `yaml:"priority,omitempty" protobuf:"7"`
	Scope       Scope         `yaml:"scope" protobuf:"8"`
	Type        RouteType     `yaml:"type" protobuf:"9"`
	Flags       RouteFlags    `yaml:"flags" protobuf:"10"`
	Protocol    RouteProtocol `yaml:"protocol" protobuf:"11"`
	ConfigLayer ConfigLayer   `yaml:"layer" protobuf:"12"`
	MTU         uint32        `yaml:"mtu,omitempty" protobuf:"13"`
}

// DeepCopy implements typed.DeepCopyable.
func (s RouteSpecSpec) DeepCopy() RouteSpecSpec { return s }

// ID is the route's ID without a layer.
func (s RouteSpecSpec) ID() resource.ID {
	return RouteID(s.Table, s.Family, s.Gateway, s.Destination, s.Priority, s.OutLinkName)
}

// NewRouteSpec makes an empty RouteSpec.
func NewRouteSpec(ns resource.Namespace, id resource.ID) *RouteSpec {
	return typed.NewResource[RouteSpecSpec, routeSpecExt](metadata(ns, RouteSpecType, id), RouteSpecSpec{})
}

type routeSpecExt struct{}

func (routeSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: RouteSpecType, DefaultNamespace: Namespace}
}

// RouteStatus is a route as the kernel has it.
type RouteStatus = typed.Resource[RouteStatusSpec, routeStatusExt]

// RouteStatusSpec is a line of a routing table.
type RouteStatusSpec struct {
	Family       Family        `yaml:"family" protobuf:"1"`
	Destination  netip.Prefix  `yaml:"dst" protobuf:"2"`
	Source       netip.Addr    `yaml:"src" protobuf:"3"`
	Gateway      netip.Addr    `yaml:"gateway" protobuf:"4"`
	OutLinkIndex uint32        `yaml:"outLinkIndex,omitempty" protobuf:"5"`
	OutLinkName  string        `yaml:"outLinkName,omitempty" protobuf:"6"`
	Table        RoutingTable  `yaml:"table" protobuf:"7"`
	Priority     uint32        `yaml:"priority" protobuf:"8"`
	Scope        Scope         `yaml:"scope" protobuf:"9"`
	Type         RouteType     `yaml:"type" protobuf:"10"`
	Flags        RouteFlags    `yaml:"flags" protobuf:"11"`
	Protocol     RouteProtocol `yaml:"protocol" protobuf:"12"`
	MTU          uint32        `yaml:"mtu,omitempty" protobuf:"13"`
}

// DeepCopy implements typed.DeepCopyable.
func (s RouteStatusSpec) DeepCopy() RouteStatusSpec { return s }

// NewRouteStatus makes an empty RouteStatus.
func NewRouteStatus(id resource.ID) *RouteStatus {
	return typed.NewResource[RouteStatusSpec, routeStatusExt](metadata(Namespace, RouteStatusType, id), RouteStatusSpec{})
}

type routeStatusExt struct{}

func (routeStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: RouteStatusType, Aliases: []resource.Type{"route", "routes"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Destination", JSONPath: "{.dst}"},
			{Name: "Gateway", JSONPath: "{.gateway}"},
			{Name: "Link", JSONPath: "{.outLinkName}"},
			{Name: "Metric", JSONPath: "{.priority}"},
		},
	}
}
