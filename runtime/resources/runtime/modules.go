package runtime

import (
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// Documented types.
const (
	KernelModuleSpecType   = resource.Type("KernelModuleSpecs.runtime.talos.dev")
	LoadedKernelModuleType = resource.Type("LoadedKernelModules.runtime.talos.dev")
)

// KernelModuleSpec is a module that the configuration wants loaded; its ID is the
// module's name.
type KernelModuleSpec = typed.Resource[KernelModuleSpecSpec, kernelModuleSpecExt]

// KernelModuleSpecSpec is a module's name and its parameters as NAME=VALUE.
type KernelModuleSpecSpec struct {
	Name       string   `yaml:"name" protobuf:"1"`
	Parameters []string `yaml:"parameters" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s KernelModuleSpecSpec) DeepCopy() KernelModuleSpecSpec {
	s.Parameters = slices.Clone(s.Parameters)

	return s
}

// NewKernelModuleSpec makes an empty KernelModuleSpec.
func NewKernelModuleSpec(id resource.ID) *KernelModuleSpec {
	return typed.NewResource[KernelModuleSpecSpec, kernelModuleSpecExt](metadata(KernelModuleSpecType, id), KernelModuleSpecSpec{})
}

type kernelModuleSpecExt struct{}

func (kernelModuleSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: KernelModuleSpecType, DefaultNamespace: Namespace}
}

// LoadedKernelModule is a module that the kernel has loaded; its ID is the
// module's name.
type LoadedKernelModule = typed.Resource[LoadedKernelModuleSpec, loadedKernelModuleExt]

// LoadedKernelModuleSpec is what the kernel says of a module.
type LoadedKernelModuleSpec struct {
	// Size in memory, in bytes.
	Size int `yaml:"size" protobuf:"1"`
	// ReferenceCount counts the module's users; -1 when the kernel can't unload.
	ReferenceCount int `yaml:"referenceCount" protobuf:"2"`
	// Dependencies are the modules that need this one.
	Dependencies []string `yaml:"dependencies,omitempty" protobuf:"3"`
	// State is Live, Loading or Unloading.
	State string `yaml:"state" protobuf:"4"`
	// Address in memory, zeros where the kernel hides it.
	Address string `yaml:"address" protobuf:"5"`
}

// DeepCopy implements typed.DeepCopyable.
func (s LoadedKernelModuleSpec) DeepCopy() LoadedKernelModuleSpec {
	s.Dependencies = slices.Clone(s.Dependencies)

	return s
}

// NewLoadedKernelModule makes an empty LoadedKernelModule.
func NewLoadedKernelModule(id resource.ID) *LoadedKernelModule {
	return typed.NewResource[LoadedKernelModuleSpec, loadedKernelModuleExt](metadata(LoadedKernelModuleType, id), LoadedKernelModuleSpec{})
}

type loadedKernelModuleExt struct{}

func (loadedKernelModuleExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: LoadedKernelModuleType, Aliases: []resource.Type{"module", "modules"}, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "State", JSONPath: "{.state}"}},
	}
}
