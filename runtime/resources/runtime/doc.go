// Package runtime holds the resources about the machine as a whole: its stage,
// its kernel command line and modules, its platform, what it has mounted.
package runtime

import (
	"github.com/cosi-project/runtime/pkg/resource"

	"github.com/akmon-os/akmon/runtime/resources/registry"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
)

// Namespace holds the resources of this package.
const Namespace resource.Namespace = v1alpha1.Namespace

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{
		registry.Of[MachineStatusSpec, machineStatusExt](),
		registry.Of[KernelCmdlineSpec, kernelCmdlineExt](),
		registry.Of[MountStatusSpec, mountStatusExt](),
		registry.Of[PlatformMetadataSpec, platformMetadataExt](),
		registry.Of[VersionSpec, versionExt](),
		registry.Of[MaintenanceServiceConfigSpec, maintenanceServiceConfigExt](),
		registry.Of[ServicePIDSpec, servicePIDExt](),
		registry.Of[KernelModuleSpecSpec, kernelModuleSpecExt](),
		registry.Of[LoadedKernelModuleSpec, loadedKernelModuleExt](),
	}
}

func metadata(typ resource.Type, id resource.ID) resource.Metadata {
	return resource.NewMetadata(Namespace, typ, id, resource.VersionUndefined)
}
