package runtime

import (
	"fmt"
	"slices"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/typed"
)

// MachineStatusType is the documented type of MachineStatus, MachineStatusID its
// only ID.
const (
	MachineStatusType = resource.Type("MachineStatuses.runtime.talos.dev")
	MachineStatusID   = resource.ID("machine")
)

// MachineStage is where a machine is in its life. The values are those of the
// published enum.
type MachineStage int

// Stages of a machine.
const (
	StageUnknown MachineStage = iota
	StageBooting
	StageInstalling
	StageMaintenance
	StageRunning
	StageRebooting
	StageShuttingDown
	StageResetting
	StageUpgrading
)

var stageNames = []string{
	"unknown", "booting", "installing", "maintenance", "running", "rebooting", "shutting down", "resetting", "upgrading",
}

// String returns the documented name of the stage.
func (s MachineStage) String() string {
	if int(s) < 0 || int(s) >= len(stageNames) {
		return fmt.Sprintf("MachineStage(%d)", int(s))
	}

	return stageNames[s]
}

// MarshalText implements encoding.TextMarshaler.
func (s MachineStage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *MachineStage) UnmarshalText(text []byte) error {
	i := slices.Index(stageNames, string(text))
	if i < 0 {
		return fmt.Errorf("unknown machine stage %q", text)
	}

	*s = MachineStage(i)

	return nil
}

// MachineStatus is the state of the machine in one resource: what `get
// machinestatus` prints and boot tests wait for.
type MachineStatus = typed.Resource[MachineStatusSpec, machineStatusExt]

// MachineStatusSpec is the stage, and whether all that the stage promises is there.
type MachineStatusSpec struct {
	Stage  MachineStage        `yaml:"stage" protobuf:"1"`
	Status MachineStatusStatus `yaml:"status" protobuf:"2"`
}

// MachineStatusStatus says what is missing for the machine to be ready.
type MachineStatusStatus struct {
	Ready           bool             `yaml:"ready" protobuf:"1"`
	UnmetConditions []UnmetCondition `yaml:"unmetConditions" protobuf:"2"`
}

// UnmetCondition is one reason for not being ready.
type UnmetCondition struct {
	Name   string `yaml:"name" protobuf:"1"`
	Reason string `yaml:"reason" protobuf:"2"`
}

// DeepCopy implements typed.DeepCopyable.
func (s MachineStatusSpec) DeepCopy() MachineStatusSpec {
	s.Status.UnmetConditions = slices.Clone(s.Status.UnmetConditions)

	return s
}

// NewMachineStatus makes an empty MachineStatus.
func NewMachineStatus() *MachineStatus {
	return typed.NewResource[MachineStatusSpec, machineStatusExt](metadata(MachineStatusType, MachineStatusID), MachineStatusSpec{})
}

type machineStatusExt struct{}

func (machineStatusExt) ResourceDefinition() meta.ResourceDefinitionSpec {
	return meta.ResourceDefinitionSpec{
		Type:             MachineStatusType,
		DefaultNamespace: Namespace,
		PrintColumns: []meta.PrintColumn{
			{Name: "Stage", JSONPath: "{.stage}"},
			{Name: "Ready", JSONPath: "{.status.ready}"},
		},
	}
}
