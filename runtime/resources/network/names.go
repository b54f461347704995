package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types and single IDs.
const (
	HostnameSpecType   = resource.Type("HostnameSpecs.net.talos.dev")
	HostnameStatusType = resource.Type("HostnameStatuses.net.talos.dev")
	HostnameID         = resource.ID("hostname")
	ResolverSpecType   = resource.Type("ResolverSpecs.net.talos.dev")
	ResolverStatusType = resource.Type("ResolverStatuses.net.talos.dev")
	ResolverID         = resource.ID("resolvers")
)

// HostnameSpec is a wish for a name, or the one chosen.
type HostnameSpec = typed.Resource[HostnameSpecSpec, hostnameSpecExt]

// HostnameSpecSpec is a host name and, if known, its domain.
type HostnameSpecSpec struct {
	Hostname    string      `yaml:"hostname" protobuf:"1"`
	Domainname  string      `yaml:"domainname" protobuf:"2"`
	ConfigLayer ConfigLayer `yaml:"layer" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s HostnameSpecSpec) DeepCopy() HostnameSpecSpec { return s }

// ParseFQDN splits a name at its first dot and checks both halves: labels of 1
// to 63 letters, digits and inner hyphens, 253 octets in all (RFC 1123, 2.1).
func (s *HostnameSpecSpec) ParseFQDN(name string) error {
	host, domain, _ := strings.Cut(strings.TrimSuffix(name, "."), ".")

	if len(name) > 253 {
		return fmt.Errorf("host name %q is longer than 253 octets", name)
	}

	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if err := checkLabel(label); err != nil {
			return fmt.Errorf("host name %q: %w", name, err)
		}
	}

	s.Hostname, s.Domainname = host, domain

	return nil
}

func checkLabel(label string) error {
	if label == "" || len(label) > 63 {
		return errors.New("a label must have 1 to 63 characters")
	}

	for i, c := range []byte(label) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' && i > 0 && i < len(label)-1
		if !ok {
			return fmt.Errorf("character %q is not allowed at position %d of %q", c, i+1, label)
		}
	}

	return nil
}

// NewHostnameSpec makes an empty HostnameSpec.
func NewHostnameSpec(ns resource.Namespace, id resource.ID) *HostnameSpec {
	return typed.NewResource[HostnameSpecSpec, hostnameSpecExt](metadata(ns, HostnameSpecType, id), HostnameSpecSpec{})
}

type hostnameSpecExt struct{}

func (hostnameSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: HostnameSpecType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Hostname", JSONPath: "{.hostname}"}, {Name: "Layer", JSONPath: "{.layer}"}},
	}
}

// HostnameStatus is the name that the machine has.
type HostnameStatus = typed.Resource[HostnameStatusSpec, hostnameStatusExt]

// HostnameStatusSpec is the machine's name.
type HostnameStatusSpec struct {
	Hostname   string `yaml:"hostname" protobuf:"1"`
	Domainname string `yaml:"domainname" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s HostnameStatusSpec) DeepCopy() HostnameStatusSpec { return s }

// FQDN is the name with its domain, if there is one.
func (s HostnameStatusSpec) FQDN() string {
	if s.Domainname == "" {
		return s.Hostname
	}

	return s.Hostname + "." + s.Domainname
}

// NewHostnameStatus makes an empty HostnameStatus.
func NewHostnameStatus() *HostnameStatus {
	return typed.NewResource[HostnameStatusSpec, hostnameStatusExt](metadata(Namespace, HostnameStatusType, HostnameID), HostnameStatusSpec{})
}

type hostnameStatusExt struct{}

func (hostnameStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: HostnameStatusType, Aliases: []resource.Type{"hostname"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Hostname", JSONPath: "{.hostname}"}, {Name: "Domainname", JSONPath: "{.domainname}"}},
	}
}

// ResolverSpec is a wish for DNS servers, or those chosen.
type ResolverSpec = typed.Resource[ResolverSpecSpec, resolverSpecExt]

// ResolverSpecSpec lists DNS servers in order of preference.
type ResolverSpecSpec struct {
	DNSServers    []netip.Addr `yaml:"dnsServers" protobuf:"1"`
	ConfigLayer   ConfigLayer  `yaml:"layer" protobuf:"2"`
	SearchDomains []string     `yaml:"searchDomains,omitempty" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s ResolverSpecSpec) DeepCopy() ResolverSpecSpec {
	s.DNSServers, s.SearchDomains = slices.Clone(s.DNSServers), slices.Clone(s.SearchDomains)

	return s
}

// NewResolverSpec makes an empty ResolverSpec.
func NewResolverSpec(ns resource.Namespace, id resource.ID) *ResolverSpec {
	return typed.NewResource[ResolverSpecSpec, resolverSpecExt](metadata(ns, ResolverSpecType, id), ResolverSpecSpec{})
}

type resolverSpecExt struct{}

func (resolverSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: ResolverSpecType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Layer", JSONPath: "{.layer}"},
			{Name: "Resolvers", JSONPath: "{.dnsServers}"},
			{Name: "Search Domains", JSONPath: "{.searchDomains}"},
		},
	}
}

// ResolverStatus lists the DNS servers in use.
type ResolverStatus = typed.Resource[ResolverStatusSpec, resolverStatusExt]

// ResolverStatusSpec is what resolv.conf says.
type ResolverStatusSpec struct {
	DNSServers    []netip.Addr `yaml:"dnsServers" protobuf:"1"`
	SearchDomains []string     `yaml:"searchDomains" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s ResolverStatusSpec) DeepCopy() ResolverStatusSpec {
	s.DNSServers, s.SearchDomains = slices.Clone(s.DNSServers), slices.Clone(s.SearchDomains)

	return s
}

// NewResolverStatus makes an empty ResolverStatus.
func NewResolverStatus() *ResolverStatus {
	return typed.NewResource[ResolverStatusSpec, resolverStatusExt](metadata(Namespace, ResolverStatusType, ResolverID), ResolverStatusSpec{})
}

type resolverStatusExt struct{}

func (resolverStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: ResolverStatusType, Aliases: []resource.Type{"resolvers"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Resolvers", JSONPath: "{.dnsServers}"},
			{Name: "Search Domains", JSONPath: "{.searchDomains}"},
		},
	}
}
