package v1alpha1

// Install is the value of `machine.install`.
type Install struct {
	// Disk is the device to install to, such as /dev/sda.
	Disk string `yaml:"disk,omitempty"`
	// DiskSelector chooses the disk by its properties; it wins over Disk.
	DiskSelector DiskSelector `yaml:"diskSelector,omitempty"`
	// ExtraKernelArgs are added to the installed kernel's command line;
	// one that starts with - removes an argument.
	ExtraKernelArgs []string `yaml:"extraKernelArgs,omitempty"`
	// Image is the installer image.
	Image string `yaml:"image,omitempty"`
	// Extensions is deprecated in favour of images that hold them.
	Extensions []InstallExtension `yaml:"extensions,omitempty"`
	// Bootloader is deprecated: a boot loader is always installed.
	Bootloader *bool `yaml:"bootloader,omitempty"`
	// Wipe empties the disk before installing.
	Wipe bool `yaml:"wipe"`
	// LegacyBIOSSupport marks the disk as bootable for old firmware.
	LegacyBIOSSupport bool `yaml:"legacyBIOSSupport,omitempty"`
	// GrubUseUKICmdline takes the command line from the UKI also under GRUB.
	GrubUseUKICmdline bool `yaml:"grubUseUKICmdline,omitempty"`
}

// InstallExtension is an item of `machine.install.extensions`.
type InstallExtension struct {
	Image string `yaml:"image"`
}

// DiskSelector is the value of `machine.install.diskSelector`. Every key that
// is set must match; texts may hold * and ?.
type DiskSelector struct {
	// Size is a size, or a bound on it such as ">= 4GB".
	Size     string `yaml:"size,omitempty"`
	Name     string `yaml:"name,omitempty"`
	Model    string `yaml:"model,omitempty"`
	Serial   string `yaml:"serial,omitempty"`
	Modalias string `yaml:"modalias,omitempty"`
	UUID     string `yaml:"uuid,omitempty"`
	WWID     string `yaml:"wwid,omitempty"`
	// Type is ssd, hdd, nvme or sd.
	Type    string `yaml:"type,omitempty"`
	BusPath string `yaml:"busPath,omitempty"`
}

// Disk is an item of `machine.disks`.
type Disk struct {
	Device     string      `yaml:"device,omitempty"`
	Partitions []Partition `yaml:"partitions,omitempty"`
}

// Partition is a partition of a Disk.
type Partition struct {
	// Size is bytes, or a number with a unit such as 10GiB; empty takes what is left.
	Size string `yaml:"size,omitempty"`
	// MountPoint is below /var.
	MountPoint string `yaml:"mountpoint,omitempty"`
}

// SystemDiskEncryption is the value of `machine.systemDiskEncryption`.
type SystemDiskEncryption struct {
	State     Encryption `yaml:"state,omitempty"`
	Ephemeral Encryption `yaml:"ephemeral,omitempty"`
}

// Encryption says how a partition is encrypted.
type Encryption struct {
	// Provider is luks2.
	Provider string          `yaml:"provider"`
	Keys     []EncryptionKey `yaml:"keys"`
	Cipher   string          `yaml:"cipher,omitempty"`
	// KeySize is in bits.
	KeySize uint `yaml:"keySize,omitempty"`
	// BlockSize is in bytes.
	BlockSize uint64   `yaml:"blockSize,omitempty"`
	Options   []string `yaml:"options,omitempty"`
}

// EncryptionKey is a key slot; exactly one of Static, NodeID, KMS and TPM is set.
type EncryptionKey struct {
	Slot   int        `yaml:"slot"`
	Static *StaticKey `yaml:"static,omitempty"`
	NodeID *struct{}  `yaml:"nodeID,omitempty"`
	KMS    *KMSKey    `yaml:"kms,omitempty"`
	TPM    *TPMKey    `yaml:"tpm,omitempty"`
	// LockToState makes the key depend on the STATE partition.
	LockToState bool `yaml:"lockToState,omitempty"`
}

// StaticKey is a pass phrase in the configuration.
type StaticKey struct {
	Passphrase string `yaml:"passphrase,omitempty"`
}

// KMSKey is a key that a key management service seals.
type KMSKey struct {
	Endpoint string `yaml:"endpoint"`
}

// TPMKey is a key that the machine's TPM seals.
type TPMKey struct {
	Options struct {
		PCRs []int `yaml:"pcrs,omitempty"`
	} `yaml:"options,omitempty"`
	CheckSecurebootStatusOnEnroll bool `yaml:"checkSecurebootStatusOnEnroll,omitempty"`
}
