package v1alpha1

// Version is the value of the key `version`.
const Version = "v1alpha1"

// Document is the main document of a machine configuration.
type Document struct {
	// Version is the schema of the document: always v1alpha1. It is empty when
	// a configuration has no main document.
	Version string `yaml:"version"`
	// Debug sends the logs of all services to the console.
	Debug bool `yaml:"debug"`
	// Persist is deprecated: a configuration is always kept.
	Persist *bool `yaml:"persist,omitempty"`
	// Machine configures the node itself.
	Machine Machine `yaml:"machine"`
	// Cluster configures Kubernetes and what nodes share.
	Cluster Cluster `yaml:"cluster"`
}

// MachineType is the role of a node in its cluster.
type MachineType string

// The machine types. Init is deprecated and means a control plane node that
// bootstraps the cluster by itself.
const (
	ControlPlane MachineType = "controlplane"
	Worker       MachineType = "worker"
	Init         MachineType = "init"
)

// IsControlPlane says whether the machine runs the control plane.
func (t MachineType) IsControlPlane() bool { return t == ControlPlane || t == Init }

// MachineTypes are the values that the key `machine.type` may have.
func MachineTypes() []string {
	return []string{string(ControlPlane), string(Worker), string(Init)}
}
