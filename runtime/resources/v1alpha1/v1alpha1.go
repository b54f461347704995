// Package v1alpha1 holds the resources about the services of a machine.
package v1alpha1

import (
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"

	"github.com/akmon-os/akmon/runtime/resources/registry"
)

// Namespace holds services and the machine's own state.
const Namespace resource.Namespace = "runtime"

// ServiceType is the documented type of Service.
const ServiceType = resource.Type("Services.v1alpha1.talos.dev")

// Service is the state of one supervised service; its ID is the service's.
type Service = typed.Resource[ServiceSpec, serviceExt]

// ServiceSpec says whether a service runs and what its health check found.
type ServiceSpec struct {
	Running bool `yaml:"running" protobuf:"1"`
	Healthy bool `yaml:"healthy" protobuf:"2"`
	// Unknown is true while no health check has answered yet.
	Unknown bool `yaml:"unknown" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s ServiceSpec) DeepCopy() ServiceSpec { return s }

// NewService makes an empty Service.
func NewService(id resource.ID) *Service {
	return typed.NewResource[ServiceSpec, serviceExt](
		resource.NewMetadata(Namespace, ServiceType, id, resource.VersionUndefined), ServiceSpec{})
}

type serviceExt struct{}

func (serviceExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type:             ServiceType,
		Aliases:          []resource.Type{"svc"},
		DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Running", JSONPath: "{.running}"},
			{Name: "Healthy", JSONPath: "{.healthy}"},
			{Name: "Health Unknown", JSONPath: "{.unknown}"},
		},
	}
}

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{registry.Of[ServiceSpec, serviceExt]()}
}
