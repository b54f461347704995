// Package hardware holds the resources about the machine's hardware.
package hardware

import (
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"

	"github.com/akmon-os/akmon/runtime/resources/registry"
)

// Namespace, documented type and ID of the package.
const (
	Namespace             resource.Namespace = "hardware"
	SystemInformationType                    = resource.Type("SystemInformations.hardware.talos.dev")
	SystemInformationID                      = resource.ID("systeminformation")
)

// SystemInformation is what the firmware says of the machine (SMBIOS type 1).
type SystemInformation = typed.Resource[SystemInformationSpec, systemInformationExt]

// SystemInformationSpec is the SMBIOS system information structure.
type SystemInformationSpec struct {
	Manufacturer string `yaml:"manufacturer,omitempty" protobuf:"1"`
	ProductName  string `yaml:"productName,omitempty" protobuf:"2"`
	Version      string `yaml:"version,omitempty" protobuf:"3"`
	SerialNumber string `yaml:"serialnumber,omitempty" protobuf:"4"`
	UUID         string `yaml:"uuid,omitempty" protobuf:"5"`
	WakeUpType   string `yaml:"wakeUpType,omitempty" protobuf:"6"`
	SKUNumber    string `yaml:"skuNumber,omitempty" protobuf:"7"`
}

// DeepCopy implements typed.DeepCopyable.
func (s SystemInformationSpec) DeepCopy() SystemInformationSpec { return s }

// NewSystemInformation makes an empty SystemInformation.
func NewSystemInformation() *SystemInformation {
	return typed.NewResource[SystemInformationSpec, systemInformationExt](
		resource.NewMetadata(Namespace, SystemInformationType, SystemInformationID, resource.VersionUndefined), SystemInformationSpec{})
}

type systemInformationExt struct{}

func (systemInformationExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type: SystemInformationType, DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Manufacturer", JSONPath: "{.manufacturer}"},
			{Name: "ProductName", JSONPath: "{.productName}"},
			{Name: "Version", JSONPath: "{.version}"},
			{Name: "SerialNumber", JSONPath: "{.serialnumber}"},
			{Name: "UUID", JSONPath: "{.uuid}"},
		},
	}
}

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{registry.Of[SystemInformationSpec, systemInformationExt]()}
}
