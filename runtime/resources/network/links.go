package network

import (
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types.
const (
	LinkSpecType     = resource.Type("LinkSpecs.net.talos.dev")
	LinkStatusType   = resource.Type("LinkStatuses.net.talos.dev")
	OperatorSpecType = resource.Type("OperatorSpecs.net.talos.dev")
)

// LinkSpec is a wish for a link, or the one chosen; the ID is the link's name.
// It is sensitive because a tunnel's keys belong to it.
type LinkSpec = typed.Resource[LinkSpecSpec, linkSpecExt]

// LinkSpecSpec is the state that a physical link should be in.
type LinkSpecSpec struct {
	Name    string `yaml:"name" protobuf:"1"`
	Logical bool   `yaml:"logical" protobuf:"2"`
	Up      bool   `yaml:"up" protobuf:"3"`
	// MTU in octets; 0 leaves the driver's.
	MTU         uint32      `yaml:"mtu" protobuf:"4"`
	Kind        string      `yaml:"kind" protobuf:"5"`
	Type        LinkType    `yaml:"type" protobuf:"6"`
	ConfigLayer ConfigLayer `yaml:"layer" protobuf:"14"`
}

// DeepCopy implements typed.DeepCopyable.
func (s LinkSpecSpec) DeepCopy() LinkSpecSpec { return s }

// NewLinkSpec makes an empty LinkSpec.
func NewLinkSpec(ns resource.Namespace, id resource.ID) *LinkSpec {
	return typed.NewResource[LinkSpecSpec, linkSpecExt](metadata(ns, LinkSpecType, id), LinkSpecSpec{})
}

type linkSpecExt struct{}

func (linkSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: LinkSpecType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// LinkStatus is a network link as the kernel has it; the ID is its name.
type LinkStatus = typed.Resource[LinkStatusSpec, linkStatusExt]

// LinkStatusSpec is what the kernel and sysfs say of a link.
type LinkStatusSpec struct {
	AltNames         []string         `yaml:"altNames,omitempty" protobuf:"32"`
	Index            uint32           `yaml:"index" protobuf:"1"`
	Type             LinkType         `yaml:"type" protobuf:"2"`
	LinkIndex        uint32           `yaml:"linkIndex" protobuf:"3"`
	Flags            LinkFlags        `yaml:"flags" protobuf:"4"`
	HardwareAddr     HardwareAddr     `yaml:"hardwareAddr" protobuf:"5"`
	PermanentAddr    HardwareAddr     `yaml:"permanentAddr" protobuf:"30"`
	BroadcastAddr    HardwareAddr     `yaml:"broadcastAddr" protobuf:"6"`
	MTU              uint32           `yaml:"mtu" protobuf:"7"`
	QueueDisc        string           `yaml:"queueDisc" protobuf:"8"`
	MasterIndex      uint32           `yaml:"masterIndex,omitempty" protobuf:"9"`
	OperationalState OperationalState `yaml:"operationalState" protobuf:"10"`
	Kind             string           `yaml:"kind" protobuf:"11"`
	SlaveKind        string           `yaml:"slaveKind" protobuf:"12"`
	BusPath          string           `yaml:"busPath,omitempty" protobuf:"13"`
	PCIID            string           `yaml:"pciID,omitempty" protobuf:"14"`
	Driver           string           `yaml:"driver,omitempty" protobuf:"15"`
	LinkState        bool             `yaml:"linkState" protobuf:"22"`
	SpeedMegabits    int32            `yaml:"speedMbit,omitempty" protobuf:"23"`
}

// Physical says whether the link is hardware and not made by the kernel.
func (s LinkStatusSpec) Physical() bool { return s.Type == LinkEther && s.Kind == "" }

// DeepCopy implements typed.DeepCopyable.
func (s LinkStatusSpec) DeepCopy() LinkStatusSpec {
	s.AltNames = slices.Clone(s.AltNames)
	s.HardwareAddr = slices.Clone(s.HardwareAddr)
	s.PermanentAddr = slices.Clone(s.PermanentAddr)
	s.BroadcastAddr = slices.Clone(s.BroadcastAddr)

	return s
}

// NewLinkStatus makes an empty LinkStatus.
func NewLinkStatus(id resource.ID) *LinkStatus {
	return typed.NewResource[LinkStatusSpec, linkStatusExt](metadata(Namespace, LinkStatusType, id), LinkStatusSpec{})
}

type linkStatusExt struct{}

func (linkStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: LinkStatusType, Aliases: []resource.Type{"link", "links"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Type", JSONPath: "{.type}"},
			{Name: "Kind", JSONPath: "{.kind}"},
			{Name: "Hw Addr", JSONPath: "{.hardwareAddr}"},
			{Name: "Oper State", JSONPath: "{.operationalState}"},
			{Name: "Link State", JSONPath: "{.linkState}"},
		},
	}
}

// OperatorSpec is a wish for an agent on a link, or the one chosen. It is
// sensitive because agents may need tokens.
type OperatorSpec = typed.Resource[OperatorSpecSpec, operatorSpecExt]

// OperatorSpecSpec says which agent should run on which link.
type OperatorSpecSpec struct {
	Operator Operator `yaml:"operator" protobuf:"1"`
	LinkName string   `yaml:"linkName" protobuf:"2"`
	// RequireUp keeps the agent waiting for a carrier.
	RequireUp   bool              `yaml:"requireUp" protobuf:"3"`
	DHCP4       DHCP4OperatorSpec `yaml:"dhcp4,omitempty" protobuf:"4"`
	ConfigLayer ConfigLayer       `yaml:"layer" protobuf:"7"`
}

// DHCP4OperatorSpec is the configuration of a DHCPv4 client.
type DHCP4OperatorSpec struct {
	RouteMetric         uint32 `yaml:"routeMetric" protobuf:"1"`
	SkipHostnameRequest bool   `yaml:"skipHostnameRequest,omitempty" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s OperatorSpecSpec) DeepCopy() OperatorSpecSpec { return s }

// NewOperatorSpec makes an empty OperatorSpec.
func NewOperatorSpec(ns resource.Namespace, id resource.ID) *OperatorSpec {
	return typed.NewResource[OperatorSpecSpec, operatorSpecExt](metadata(ns, OperatorSpecType, id), OperatorSpecSpec{})
}

type operatorSpecExt struct{}

func (operatorSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: OperatorSpecType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}
