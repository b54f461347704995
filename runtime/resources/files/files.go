// Package files holds the resources about single files under /etc, which is
// read-only but for what is bind-mounted over it.
package files

import (
	"io/fs"
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"

	"github.com/akmon-os/akmon/runtime/resources/registry"
	"github.com/akmon-os/akmon/runtime/resources/wire"
)

// Namespace and documented types of the package.
const (
	Namespace         resource.Namespace = "files"
	EtcFileSpecType                      = resource.Type("EtcFileSpecs.files.talos.dev")
	EtcFileStatusType                    = resource.Type("EtcFileStatuses.files.talos.dev")
)

// EtcFileSpec is a file that should be under /etc; its ID is the name there.
type EtcFileSpec = typed.Resource[EtcFileSpecSpec, etcFileSpecExt]

// EtcFileSpecSpec is the contents and permissions of a file.
type EtcFileSpecSpec struct {
	Contents     wire.Text   `yaml:"contents" protobuf:"1"`
	Mode         fs.FileMode `yaml:"mode" protobuf:"2"`
	SelinuxLabel string      `yaml:"selinux_label" protobuf:"3"`
}

// DeepCopy implements typed.DeepCopyable.
func (s EtcFileSpecSpec) DeepCopy() EtcFileSpecSpec {
	s.Contents = slices.Clone(s.Contents)

	return s
}

// NewEtcFileSpec makes an empty EtcFileSpec.
func NewEtcFileSpec(id resource.ID) *EtcFileSpec {
	return typed.NewResource[EtcFileSpecSpec, etcFileSpecExt](
		resource.NewMetadata(Namespace, EtcFileSpecType, id, resource.VersionUndefined), EtcFileSpecSpec{})
}

type etcFileSpecExt struct{}

func (etcFileSpecExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: EtcFileSpecType, DefaultNamespace: Namespace}
}

// EtcFileStatus is a file that has been written under /etc.
type EtcFileStatus = typed.Resource[EtcFileStatusSpec, etcFileStatusExt]

// EtcFileStatusSpec names the version of the spec that is on disk.
type EtcFileStatusSpec struct {
	SpecVersion string `yaml:"specVersion" protobuf:"1"`
}

// DeepCopy implements typed.DeepCopyable.
func (s EtcFileStatusSpec) DeepCopy() EtcFileStatusSpec { return s }

// NewEtcFileStatus makes an empty EtcFileStatus.
func NewEtcFileStatus(id resource.ID) *EtcFileStatus {
	return typed.NewResource[EtcFileStatusSpec, etcFileStatusExt](
		resource.NewMetadata(Namespace, EtcFileStatusType, id, resource.VersionUndefined), EtcFileStatusSpec{})
}

type etcFileStatusExt struct{}

func (etcFileStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{Type: EtcFileStatusType, DefaultNamespace: Namespace}
}

// Entries lists the resource types of the package.
func Entries() []registry.Entry {
	return []registry.Entry{
		registry.Of[EtcFileSpecSpec, etcFileSpecExt](),
		registry.Of[EtcFileStatusSpec, etcFileStatusExt](),
	}
}
