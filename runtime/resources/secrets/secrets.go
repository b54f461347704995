// Package secrets holds the resources with keys, and the names that certificates
// cover. All are sensitive, as documented: only os:admin may read them.
package secrets

import (
	"net/netip"
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"

	"github.com/akmon-os/akmon/runtime/resources/registry"
	"github.com/akmon-os/akmon/runtime/resources/wire"
)

// Namespace, documented types and IDs of the package.
const (
	Namespace   resource.Namespace = "secrets"
	OSRootType                     = resource.Type("OSRootSecrets.secrets.talos.dev")
	OSRootID                       = resource.ID("os")
	APIType                        = resource.Type("ApiCertificates.secrets.talos.dev")
	APIID                          = resource.ID("api")
	CertSANType                    = resource.Type("CertSANs.secrets.talos.dev")
	CertSANID                      = resource.ID("api")
	TrustdType                     = resource.Type("TrustdCertificates.secrets.talos.dev")
	TrustdID                       = resource.ID("trustd")
)

// OSRoot is the root of trust of the machine API, from the machine configuration.
type OSRoot = typed.Resource[OSRootSpec, osRootExt]

// OSRootSpec is the CA, with its key on control planes only.
type OSRootSpec struct {
	IssuingCA       *wire.KeyPair      `yaml:"issuingCA" protobuf:"1"`
	AcceptedCAs     []wire.Certificate `yaml:"acceptedCAs" protobuf:"5"`
	CertSANIPs      []netip.Addr       `yaml:"certSANIPs" protobuf:"2"`
	CertSANDNSNames []string           `yaml:"certSANDNSNames" protobuf:"3"`
	Token           string             `yaml:"token" protobuf:"4"`
}

// DeepCopy implements typed.DeepCopyable.
func (s OSRootSpec) DeepCopy() OSRootSpec {
	s.IssuingCA = copyPair(s.IssuingCA)
	s.AcceptedCAs = slices.Clone(s.AcceptedCAs)
	s.CertSANIPs = slices.Clone(s.CertSANIPs)
	s.CertSANDNSNames = slices.Clone(s.CertSANDNSNames)

	return s
}

func copyPair(p *wire.KeyPair) *wire.KeyPair {
	if p == nil {
		return nil
	}

	return &wire.KeyPair{Crt: slices.Clone(p.Crt), Key: slices.Clone(p.Key)}
}

// NewOSRoot makes an empty OSRoot.
func NewOSRoot() *OSRoot {
	return typed.NewResource[OSRootSpec, osRootExt](
		resource.NewMetadata(Namespace, OSRootType, OSRootID, resource.VersionUndefined), OSRootSpec{})
}

type osRootExt struct{}

func (osRootExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: OSRootType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// API is what apid serves with: never the CA's key.
type API = typed.Resource[APISpec, apiExt]

// APISpec is the server certificate, the certificate for calls to other nodes
// (control planes), and the CAs that clients may be signed by.
type APISpec struct {
	AcceptedCAs []wire.Certificate `yaml:"acceptedCAs" protobuf:"4"`
	Client      *wire.KeyPair      `yaml:"client" protobuf:"2"`
	Server      *wire.KeyPair      `yaml:"server" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s APISpec) DeepCopy() APISpec {
	s.AcceptedCAs = slices.Clone(s.AcceptedCAs)
	s.Client = copyPair(s.Client)
	s.Server = copyPair(s.Server)

	return s
}

// NewAPI makes an empty API.
func NewAPI() *API {
	return typed.NewResource[APISpec, apiExt](
		resource.NewMetadata(Namespace, APIType, APIID, resource.VersionUndefined), APISpec{})
}

type apiExt struct{}

func (apiExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: APIType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// Trustd is what trustd serves with, on control planes: never the CA's key.
type Trustd = typed.Resource[TrustdSpec, trustdExt]

// TrustdSpec is the server certificate, and the CAs that the cluster accepts.
type TrustdSpec struct {
	AcceptedCAs []wire.Certificate `yaml:"acceptedCAs" protobuf:"3"`
	Server      *wire.KeyPair      `yaml:"server" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s TrustdSpec) DeepCopy() TrustdSpec {
	s.AcceptedCAs = slices.Clone(s.AcceptedCAs)
	s.Server = copyPair(s.Server)

	return s
}

// NewTrustd makes an empty Trustd.
func NewTrustd() *Trustd {
	return typed.NewResource[TrustdSpec, trustdExt](
		resource.NewMetadata(Namespace, TrustdType, TrustdID, resource.VersionUndefined), TrustdSpec{})
}

type trustdExt struct{}

func (trustdExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: TrustdType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// CertSAN is the set of names that the machine's server certificate covers.
type CertSAN = typed.Resource[CertSANSpec, certSANExt]

// CertSANSpec lists addresses and names, sorted and without repeats.
type CertSANSpec struct {
	IPs      []netip.Addr `yaml:"ips" protobuf:"1"`
	DNSNames []string     `yaml:"dnsNames" protobuf:"2"`
	FQDN     string       `yaml:"fqdn" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s CertSANSpec) DeepCopy() CertSANSpec {
	s.IPs = slices.Clone(s.IPs)
	s.DNSNames = slices.Clone(s.DNSNames)

	return s
}

// NewCertSAN makes an empty CertSAN.
func NewCertSAN() *CertSAN {
	return typed.NewResource[CertSANSpec, certSANExt](
		resource.NewMetadata(Namespace, CertSANType, CertSANID, resource.VersionUndefined), CertSANSpec{})
}

type certSANExt struct{}

func (certSANExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: CertSANType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{
		registry.Of[OSRootSpec, osRootExt](),
		registry.Of[APISpec, apiExt](),
		registry.Of[CertSANSpec, certSANExt](),
		registry.Of[TrustdSpec, trustdExt](),
	}
}
