package documents

import "github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"

// Provisioning says on which disk a volume is made, and how big. Sizes are a
// number with a unit such as 10GiB, or a percentage of the disk.
type Provisioning struct {
	DiskSelector Selector `yaml:"diskSelector,omitempty"`
	Grow         *bool    `yaml:"grow,omitempty"`
	MinSize      string   `yaml:"minSize,omitempty"`
	MaxSize      string   `yaml:"maxSize,omitempty"`
}

// VolumeConfig configures a system volume, such as EPHEMERAL.
type VolumeConfig struct {
	Named        `yaml:",inline"`
	Provisioning Provisioning        `yaml:"provisioning,omitempty"`
	Encryption   v1alpha1.Encryption `yaml:"encryption,omitempty"`
	Mount        struct {
		Secure *bool `yaml:"secure,omitempty"`
	} `yaml:"mount,omitempty"`
}

// UserVolumeConfig makes a volume that is mounted at /var/mnt/NAME.
type UserVolumeConfig struct {
	Named `yaml:",inline"`
	// VolumeType is directory, disk or partition; empty means partition.
	VolumeType   string       `yaml:"volumeType,omitempty"`
	Provisioning Provisioning `yaml:"provisioning,omitempty"`
	Filesystem   struct {
		// Type is ext4 or xfs; empty means xfs.
		Type                string `yaml:"type,omitempty"`
		ProjectQuotaSupport bool   `yaml:"projectQuotaSupport,omitempty"`
	} `yaml:"filesystem,omitempty"`
	Encryption v1alpha1.Encryption `yaml:"encryption,omitempty"`
	Mount      struct {
		DisableAccessTime bool  `yaml:"disableAccessTime,omitempty"`
		Secure            *bool `yaml:"secure,omitempty"`
	} `yaml:"mount,omitempty"`
}

// RawVolumeConfig is the kinds RawVolumeConfig and SwapVolumeConfig: a
// partition without a file system, and one for swapping.
type RawVolumeConfig struct {
	Named        `yaml:",inline"`
	Provisioning Provisioning        `yaml:"provisioning,omitempty"`
	Encryption   v1alpha1.Encryption `yaml:"encryption,omitempty"`
}

// ExistingVolumeConfig mounts a volume that is there already.
type ExistingVolumeConfig struct {
	Named     `yaml:",inline"`
	Discovery struct {
		VolumeSelector Selector `yaml:"volumeSelector"`
	} `yaml:"discovery"`
	Mount struct {
		ReadOnly          bool  `yaml:"readOnly,omitempty"`
		DisableAccessTime bool  `yaml:"disableAccessTime,omitempty"`
		Secure            *bool `yaml:"secure,omitempty"`
	} `yaml:"mount,omitempty"`
}

// ExternalVolumeConfig mounts a file system of the hypervisor.
type ExternalVolumeConfig struct {
	Named `yaml:",inline"`
	// FilesystemType is virtiofs.
	FilesystemType string `yaml:"filesystemType"`
	Mount          struct {
		ReadOnly          bool  `yaml:"readOnly,omitempty"`
		DisableAccessTime bool  `yaml:"disableAccessTime,omitempty"`
		Secure            *bool `yaml:"secure,omitempty"`
		VirtioFS          struct {
			Tag string `yaml:"tag"`
		} `yaml:"virtiofs,omitempty"`
	} `yaml:"mount"`
}

// ZswapConfig compresses pages before they are swapped.
type ZswapConfig struct {
	Meta            `yaml:",inline"`
	MaxPoolPercent  int   `yaml:"maxPoolPercent,omitempty"`
	ShrinkerEnabled *bool `yaml:"shrinkerEnabled,omitempty"`
}
