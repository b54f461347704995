// Package config holds the resources about the machine configuration.
package config

import (
	"bytes"
	"fmt"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"google.golang.org/protobuf/proto"

	configpb "github.com/siderolabs/talos/pkg/machinery/api/resource/config"

	"github.com/akmon-os/akmon/runtime/resources/registry"
)

// Namespace, documented types and IDs of the package.
const (
	Namespace         resource.Namespace = "config"
	MachineConfigType                    = resource.Type("MachineConfigs.config.talos.dev")
	// ActiveID is the configuration that the machine acts on.
	ActiveID        = resource.ID("v1alpha1")
	MachineTypeType = resource.Type("MachineTypes.config.talos.dev")
	MachineTypeID   = resource.ID("machine-type")
)

// yamlSpec marks, for clients that print resources, that the spec is one YAML
// string and not a mapping.
const yamlSpec = "talos.dev/yaml-spec"

// MachineConfig is the machine configuration as it was applied, byte for byte,
// so that its comments survive. It is sensitive: it holds the cluster's keys.
type MachineConfig struct {
	md   resource.Metadata
	spec machineConfigSpec
}

type machineConfigSpec struct{ data []byte }

func (s *machineConfigSpec) MarshalYAML() (any, error) { return string(s.data), nil }

func (s *machineConfigSpec) MarshalProto() ([]byte, error) {
	return proto.Marshal(&configpb.MachineConfigSpec{YamlMarshalled: s.data})
}

// NewMachineConfig makes the resource for a document that has been validated.
func NewMachineConfig(data []byte) *MachineConfig {
	r := &MachineConfig{
		md:   resource.NewMetadata(Namespace, MachineConfigType, ActiveID, resource.VersionUndefined),
		spec: machineConfigSpec{data: bytes.Clone(data)},
	}
	r.md.Annotations().Set(yamlSpec, "1")

	return r
}

// Metadata implements resource.Resource.
func (r *MachineConfig) Metadata() *resource.Metadata { return &r.md }

// Spec implements resource.Resource.
func (r *MachineConfig) Spec() any { return &r.spec }

// Data returns the document; do not change it.
func (r *MachineConfig) Data() []byte { return r.spec.data }

// SetData replaces the document.
func (r *MachineConfig) SetData(data []byte) { r.spec.data = bytes.Clone(data) }

// DeepCopy implements resource.Resource.
func (r *MachineConfig) DeepCopy() resource.Resource {
	return &MachineConfig{md: r.md, spec: machineConfigSpec{data: bytes.Clone(r.spec.data)}}
}

// ResourceDefinition implements meta.ResourceDefinitionProvider.
func (r *MachineConfig) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: MachineConfigType, DefaultNamespace: Namespace, Sensitivity: meta.Sensitive}
}

// UnmarshalProto implements protobuf.ResourceUnmarshaler.
func (r *MachineConfig) UnmarshalProto(md *resource.Metadata, b []byte) error {
	var m configpb.MachineConfigSpec

	if err := proto.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("decode machine configuration: %w", err)
	}

	r.md = *md
	r.spec.data = m.GetYamlMarshalled()

	return nil
}

// MachineType is the kind of machine that the configuration makes.
type MachineType struct {
	md   resource.Metadata
	spec machineTypeSpec
}

type machineTypeSpec struct{ name string }

func (s *machineTypeSpec) MarshalYAML() (any, error) { return s.name, nil }

func (s *machineTypeSpec) MarshalProto() ([]byte, error) {
	return proto.Marshal(&configpb.MachineTypeSpec{MachineType: machineTypes[s.name]})
}

// machineTypes are the published enum values.
var machineTypes = map[string]configpb.MachineType{
	"init":         configpb.MachineType_INIT,
	"controlplane": configpb.MachineType_CONTROL_PLANE,
	"worker":       configpb.MachineType_WORKER,
}

// NewMachineType makes a MachineType of type unknown.
func NewMachineType() *MachineType {
	return &MachineType{
		md:   resource.NewMetadata(Namespace, MachineTypeType, MachineTypeID, resource.VersionUndefined),
		spec: machineTypeSpec{name: "unknown"},
	}
}

// Metadata implements resource.Resource.
func (r *MachineType) Metadata() *resource.Metadata { return &r.md }

// Spec implements resource.Resource.
func (r *MachineType) Spec() any { return &r.spec }

// Name is controlplane, worker, init or unknown.
func (r *MachineType) Name() string { return r.spec.name }

// SetName changes the type.
func (r *MachineType) SetName(name string) { r.spec.name = name }

// DeepCopy implements resource.Resource.
func (r *MachineType) DeepCopy() resource.Resource { return &MachineType{md: r.md, spec: r.spec} }

// ResourceDefinition implements meta.ResourceDefinitionProvider.
func (r *MachineType) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: MachineTypeType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{{Name: "Type", JSONPath: "{@}"}},
	}
}

// UnmarshalProto implements protobuf.ResourceUnmarshaler.
func (r *MachineType) UnmarshalProto(md *resource.Metadata, b []byte) error {
	var m configpb.MachineTypeSpec

	if err := proto.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("decode machine type: %w", err)
	}

	r.md, r.spec.name = *md, "unknown"

	for name, value := range machineTypes {
		if value == m.GetMachineType() {
			r.spec.name = name
		}
	}

	return nil
}

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{
		registry.Static(&MachineConfig{}, func() error { return protobuf.RegisterResource(MachineConfigType, &MachineConfig{}) }),
		registry.Static(&MachineType{}, func() error { return protobuf.RegisterResource(MachineTypeType, &MachineType{}) }),
	}
}
