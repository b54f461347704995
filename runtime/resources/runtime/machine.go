package runtime

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types and single IDs.
const (
	KernelCmdlineType            = resource.Type("KernelCmdlines.runtime.talos.dev")
	KernelCmdlineID              = resource.ID("cmdline")
	MountStatusType              = resource.Type("MountStatuses.runtime.talos.dev")
	PlatformMetadataType         = resource.Type("PlatformMetadatas.talos.dev")
	PlatformMetadataID           = resource.ID("platformmetadata")
	VersionType                  = resource.Type("Versions.runtime.talos.dev")
	VersionID                    = resource.ID("version")
	MaintenanceServiceConfigType = resource.Type("MaintenanceServiceConfigs.runtime.talos.dev")
	MaintenanceServiceConfigID   = resource.ID("maintenance")
	ServicePIDType               = resource.Type("ServicePIDs.runtime.talos.dev")
)

// KernelCmdline is the command line that the kernel was started with.
type KernelCmdline = typed.Resource[KernelCmdlineSpec, kernelCmdlineExt]

// KernelCmdlineSpec holds /proc/cmdline without its line feed.
type KernelCmdlineSpec struct {
	Cmdline string `yaml:"cmdline" protobuf:"1"`
}

// DeepCopy implements typed.DeepCopyable.
func (s KernelCmdlineSpec) DeepCopy() KernelCmdlineSpec { return s }

// NewKernelCmdline makes an empty KernelCmdline.
func NewKernelCmdline() *KernelCmdline {
	return typed.NewResource[KernelCmdlineSpec, kernelCmdlineExt](metadata(KernelCmdlineType, KernelCmdlineID), KernelCmdlineSpec{})
}

type kernelCmdlineExt struct{}

func (kernelCmdlineExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: KernelCmdlineType, Aliases: []resource.Type{"cmdline"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Cmdline", JSONPath: "{.cmdline}"}},
	}
}

// MountStatus is one mount that machined made; its ID is the mount point.
type MountStatus = typed.Resource[MountStatusSpec, mountStatusExt]

// MountStatusSpec is a line of the mount table.
type MountStatusSpec struct {
	Source              string   `yaml:"source" protobuf:"1"`
	Target              string   `yaml:"target" protobuf:"2"`
	FilesystemType      string   `yaml:"filesystemType" protobuf:"3"`
	Options             []string `yaml:"options" protobuf:"4"`
	Encrypted           bool     `yaml:"encrypted" protobuf:"5"`
	EncryptionProviders []string `yaml:"encryptionProviders,omitempty" protobuf:"6"`
}

// DeepCopy implements typed.DeepCopyable.
func (s MountStatusSpec) DeepCopy() MountStatusSpec {
	s.Options = slices.Clone(s.Options)
	s.EncryptionProviders = slices.Clone(s.EncryptionProviders)

	return s
}

// NewMountStatus makes an empty MountStatus.
func NewMountStatus(id resource.ID) *MountStatus {
	return typed.NewResource[MountStatusSpec, mountStatusExt](metadata(MountStatusType, id), MountStatusSpec{})
}

type mountStatusExt struct{}

func (mountStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: MountStatusType, Aliases: []resource.Type{"mounts"}, DefaultNamespace: Namespace, SkipAutomaticAliases: true,
		PrintColumns: []meta.PrintColumn{
			{Name: "Source", JSONPath: "{.source}"},
			{Name: "Target", JSONPath: "{.target}"},
			{Name: "Filesystem Type", JSONPath: "{.filesystemType}"},
		},
	}
}

// PlatformMetadata is what the platform (metal, or a cloud) says of the machine.
type PlatformMetadata = typed.Resource[PlatformMetadataSpec, platformMetadataExt]

// PlatformMetadataSpec is the documented set of facts; a platform fills those it has.
type PlatformMetadataSpec struct {
	Platform     string            `yaml:"platform,omitempty" protobuf:"1"`
	Hostname     string            `yaml:"hostname,omitempty" protobuf:"2"`
	Region       string            `yaml:"region,omitempty" protobuf:"3"`
	Zone         string            `yaml:"zone,omitempty" protobuf:"4"`
	InstanceType string            `yaml:"instanceType,omitempty" protobuf:"5"`
	InstanceID   string            `yaml:"instanceId,omitempty" protobuf:"6"`
	ProviderID   string            `yaml:"providerId,omitempty" protobuf:"7"`
	Spot         bool              `yaml:"spot,omitempty" protobuf:"8"`
	InternalDNS  string            `yaml:"internalDNS,omitempty" protobuf:"9"`
	ExternalDNS  string            `yaml:"externalDNS,omitempty" protobuf:"10"`
	Tags         map[string]string `yaml:"tags,omitempty" protobuf:"11"`
}

// DeepCopy implements typed.DeepCopyable.
func (s PlatformMetadataSpec) DeepCopy() PlatformMetadataSpec {
	s.Tags = maps.Clone(s.Tags)

	return s
}

// NewPlatformMetadata makes an empty PlatformMetadata.
func NewPlatformMetadata() *PlatformMetadata {
	return typed.NewResource[PlatformMetadataSpec, platformMetadataExt](metadata(PlatformMetadataType, PlatformMetadataID), PlatformMetadataSpec{})
}

type platformMetadataExt struct{}

func (platformMetadataExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: PlatformMetadataType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Platform", JSONPath: "{.platform}"},
			{Name: "Type", JSONPath: "{.instanceType}"},
			{Name: "Region", JSONPath: "{.region}"},
			{Name: "Zone", JSONPath: "{.zone}"},
		},
	}
}

// Version is the release that the machine runs.
type Version = typed.Resource[VersionSpec, versionExt]

// VersionSpec is a product name and its version tag.
type VersionSpec struct {
	Name    string `yaml:"name" protobuf:"2"`
	Version string `yaml:"version" protobuf:"1"`
}

// DeepCopy implements typed.DeepCopyable.
func (s VersionSpec) DeepCopy() VersionSpec { return s }

// NewVersion makes an empty Version.
func NewVersion() *Version {
	return typed.NewResource[VersionSpec, versionExt](metadata(VersionType, VersionID), VersionSpec{})
}

type versionExt struct{}

func (versionExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: VersionType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Name", JSONPath: "{.name}"}, {Name: "Version", JSONPath: "{.version}"}},
	}
}

// MaintenanceServiceConfig exists while the maintenance service should run.
type MaintenanceServiceConfig = typed.Resource[MaintenanceServiceConfigSpec, maintenanceServiceConfigExt]

// MaintenanceServiceConfigSpec says where the maintenance service listens and
// under which addresses a client finds it.
type MaintenanceServiceConfigSpec struct {
	ListenAddress      string       `yaml:"listenAddress" protobuf:"1"`
	ReachableAddresses []netip.Addr `yaml:"reachableAddresses" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s MaintenanceServiceConfigSpec) DeepCopy() MaintenanceServiceConfigSpec {
	s.ReachableAddresses = slices.Clone(s.ReachableAddresses)

	return s
}

// NewMaintenanceServiceConfig makes an empty MaintenanceServiceConfig.
func NewMaintenanceServiceConfig() *MaintenanceServiceConfig {
	return typed.NewResource[MaintenanceServiceConfigSpec, maintenanceServiceConfigExt](
		metadata(MaintenanceServiceConfigType, MaintenanceServiceConfigID), MaintenanceServiceConfigSpec{})
}

type maintenanceServiceConfigExt struct{}

func (maintenanceServiceConfigExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: MaintenanceServiceConfigType, DefaultNamespace: Namespace}
}

// ServicePID is the process of a running service; its ID is the service's.
type ServicePID = typed.Resource[ServicePIDSpec, servicePIDExt]

// ServicePIDSpec is the process and the mount namespace that it is in.
type ServicePIDSpec struct {
	PID            int32  `yaml:"pid" protobuf:"1"`
	MountNamespace string `yaml:"mountNamespace" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s ServicePIDSpec) DeepCopy() ServicePIDSpec { return s }

// NewServicePID makes an empty ServicePID.
func NewServicePID(id resource.ID) *ServicePID {
	return typed.NewResource[ServicePIDSpec, servicePIDExt](metadata(ServicePIDType, id), ServicePIDSpec{})
}

type servicePIDExt struct{}

func (servicePIDExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: ServicePIDType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "PID", JSONPath: "{.pid}"}},
	}
}
