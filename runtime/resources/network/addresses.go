package network

import (
	"net/netip"
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types and IDs. NodeAddressDefault is the one address that stands
// for the node; NodeAddressCurrent are all that it has now.
const (
	AddressSpecType    = resource.Type("AddressSpecs.net.talos.dev")
	AddressStatusType  = resource.Type("AddressStatuses.net.talos.dev")
	NodeAddressType    = resource.Type("NodeAddresses.net.talos.dev")
	NodeAddressDefault = resource.ID("default")
	NodeAddressCurrent = resource.ID("current")
	StatusType         = resource.Type("NetworkStatuses.net.talos.dev")
	StatusID           = resource.ID("status")
)

// AddressSpec is a wish for an address, or one chosen.
type AddressSpec = typed.Resource[AddressSpecSpec, addressSpecExt]

// AddressSpecSpec is an address that a link should have.
type AddressSpecSpec struct {
	Address         netip.Prefix `yaml:"address" protobuf:"1"`
	LinkName        string       `yaml:"linkName" protobuf:"2"`
	Family          Family       `yaml:"family" protobuf:"3"`
	Scope           Scope        `yaml:"scope" protobuf:"4"`
	Flags           AddressFlags `yaml:"flags" protobuf:"5"`
	AnnounceWithARP bool         `yaml:"announceWithARP,omitempty" protobuf:"6"`
	Priority        uint32       `yaml:"priority,omitempty" protobuf:"8"`
	ConfigLayer     ConfigLayer  `yaml:"layer" protobuf:"7"`
}

// DeepCopy implements typed.DeepCopyable.
func (s AddressSpecSpec) DeepCopy() AddressSpecSpec { return s }

// NewAddressSpec makes an empty AddressSpec.
func NewAddressSpec(ns resource.Namespace, id resource.ID) *AddressSpec {
	return typed.NewResource[AddressSpecSpec, addressSpecExt](metadata(ns, AddressSpecType, id), AddressSpecSpec{})
}

type addressSpecExt struct{}

func (addressSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: AddressSpecType, DefaultNamespace: Namespace}
}

// AddressStatus is an address as the kernel has it.
type AddressStatus = typed.Resource[AddressStatusSpec, addressStatusExt]

// AddressStatusSpec is an address on a link.
type AddressStatusSpec struct {
	Address   netip.Prefix `yaml:"address" protobuf:"1"`
	Local     netip.Addr   `yaml:"local,omitempty" protobuf:"2"`
	Broadcast netip.Addr   `yaml:"broadcast,omitempty" protobuf:"3"`
	LinkIndex uint32       `yaml:"linkIndex" protobuf:"6"`
	LinkName  string       `yaml:"linkName" protobuf:"7"`
	Family    Family       `yaml:"family" protobuf:"8"`
	Scope     Scope        `yaml:"scope" protobuf:"9"`
	Flags     AddressFlags `yaml:"flags" protobuf:"10"`
	Priority  uint32       `yaml:"priority" protobuf:"11"`
}

// DeepCopy implements typed.DeepCopyable.
func (s AddressStatusSpec) DeepCopy() AddressStatusSpec { return s }

// NewAddressStatus makes an empty AddressStatus.
func NewAddressStatus(id resource.ID) *AddressStatus {
	return typed.NewResource[AddressStatusSpec, addressStatusExt](metadata(Namespace, AddressStatusType, id), AddressStatusSpec{})
}

type addressStatusExt struct{}

func (addressStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: AddressStatusType, Aliases: []resource.Type{"address", "addresses"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Address", JSONPath: "{.address}"}, {Name: "Link", JSONPath: "{.linkName}"}},
	}
}

// NodeAddress is a choice of the machine's addresses.
type NodeAddress = typed.Resource[NodeAddressSpec, nodeAddressExt]

// NodeAddressSpec lists addresses with their prefix lengths, sorted.
type NodeAddressSpec struct {
	Addresses     []netip.Prefix `yaml:"addresses" protobuf:"1"`
	SortAlgorithm SortAlgorithm  `yaml:"sortAlgorithm" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s NodeAddressSpec) DeepCopy() NodeAddressSpec {
	s.Addresses = slices.Clone(s.Addresses)

	return s
}

// IPs returns the addresses without prefix lengths.
func (s NodeAddressSpec) IPs() []netip.Addr {
	out := make([]netip.Addr, 0, len(s.Addresses))
	for _, p := range s.Addresses {
		out = append(out, p.Addr())
	}

	return out
}

// NewNodeAddress makes an empty NodeAddress.
func NewNodeAddress(id resource.ID) *NodeAddress {
	return typed.NewResource[NodeAddressSpec, nodeAddressExt](metadata(Namespace, NodeAddressType, id), NodeAddressSpec{})
}

type nodeAddressExt struct{}

func (nodeAddressExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: NodeAddressType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Addresses", JSONPath: "{.addresses}"},
			{Name: "SortAlgorithm", JSONPath: "{.sortAlgorithm}"},
		},
	}
}

// Status says how far the network has come.
type Status = typed.Resource[StatusSpec, statusExt]

// StatusSpec says what is ready: an address beyond the loopback, a default
// route, a host name, and /etc/hosts with /etc/resolv.conf.
type StatusSpec struct {
	AddressReady      bool `yaml:"addressReady" protobuf:"1"`
	ConnectivityReady bool `yaml:"connectivityReady" protobuf:"2"`
	HostnameReady     bool `yaml:"hostnameReady" protobuf:"3"`
	EtcFilesReady     bool `yaml:"etcFilesReady" protobuf:"4"`
}

// DeepCopy implements typed.DeepCopyable.
func (s StatusSpec) DeepCopy() StatusSpec { return s }

// NewStatus makes an empty Status.
func NewStatus() *Status {
	return typed.NewResource[StatusSpec, statusExt](metadata(Namespace, StatusType, StatusID), StatusSpec{})
}

type statusExt struct{}

func (statusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: StatusType, Aliases: []resource.Type{"netstatus", "netstatuses"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Address", JSONPath: "{.addressReady}"},
			{Name: "Connectivity", JSONPath: "{.connectivityReady}"},
			{Name: "Hostname", JSONPath: "{.hostnameReady}"},
			{Name: "Etc", JSONPath: "{.etcFilesReady}"},
		},
	}
}
