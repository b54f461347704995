package profile

import (
	"go.yaml.in/yaml/v3"
)

// Profile describes one boot asset.
type Profile struct {
	// BaseProfileName is the profile that this one refines, see [Names].
	BaseProfileName string `yaml:"baseProfileName,omitempty"`
	// Arch is amd64 or arm64.
	Arch string `yaml:"arch"`
	// Platform is where the asset will run: metal, aws, vmware, …
	Platform string `yaml:"platform"`
	// Board names a single-board computer; it is superseded by overlays.
	Board string `yaml:"board,omitempty"`
	// SecureBoot asks for signed loaders and UKIs.
	SecureBoot *bool `yaml:"secureboot,omitempty"`
	// Version is the version of the system, with or without a leading "v".
	Version string `yaml:"version,omitempty"`

	Customization Customization `yaml:"customization,omitempty"`
	Input         Input         `yaml:"input,omitempty"`
	Overlay       *Overlay      `yaml:"overlay,omitempty"`
	Output        Output        `yaml:"output"`

	source source
}

// Customization changes what is inside the asset.
type Customization struct {
	// ExtraKernelArgs are merged with the defaults; "-name" removes.
	ExtraKernelArgs []string `yaml:"extraKernelArgs,omitempty"`
	// MetaContents are initial values of the META partition.
	MetaContents []MetaValue `yaml:"metaContents,omitempty"`
	// EmbeddedMachineConfiguration is a machine configuration's text.
	EmbeddedMachineConfiguration string `yaml:"embeddedMachineConfiguration,omitempty"`
}

// MetaValue is one key of the META partition.
type MetaValue struct {
	// Key is a number from 0 to 255, decimal or with 0x.
	Key MetaKey `yaml:"key"`
	// Value is kept as it is written.
	Value string `yaml:"value"`
}

// Input says what the asset is made from. File assets that are not given come
// from the base installer.
type Input struct {
	Kernel      FileAsset `yaml:"kernel,omitempty"`
	Initramfs   FileAsset `yaml:"initramfs,omitempty"`
	SDStub      FileAsset `yaml:"sdStub,omitempty"`
	SDBoot      FileAsset `yaml:"sdBoot,omitempty"`
	DTB         FileAsset `yaml:"dtb,omitempty"`
	UBoot       FileAsset `yaml:"uBoot,omitempty"`
	RPiFirmware FileAsset `yaml:"rpiFirmware,omitempty"`
	// BaseInstaller is the installer image.
	BaseInstaller ContainerAsset `yaml:"baseInstaller,omitempty"`
	// OverlayInstaller is an overlay image for an installer asset.
	OverlayInstaller ContainerAsset   `yaml:"overlayInstaller,omitempty"`
	SecureBoot       *SecureBoot      `yaml:"secureboot,omitempty"`
	SystemExtensions []ContainerAsset `yaml:"systemExtensions,omitempty"`
	ImageCache       ContainerAsset   `yaml:"imageCache,omitempty"`
}

// FileAsset is a file by path.
type FileAsset struct {
	Path string `yaml:"path"`
}

// ContainerAsset is a container image. OCIPath wins over TarballPath, which
// wins over ImageRef.
type ContainerAsset struct {
	// ImageRef is a reference to an image in a registry.
	ImageRef string `yaml:"imageRef,omitempty"`
	// ForceInsecure allows plain HTTP and unknown certificates.
	ForceInsecure bool `yaml:"forceInsecure,omitempty"`
	// TarballPath is an image in a tar archive (OCI or Docker).
	TarballPath string `yaml:"tarballPath,omitempty"`
	// OCIPath is an OCI layout directory.
	OCIPath string `yaml:"ociPath,omitempty"`
}

// SecureBoot holds the keys for signed assets.
type SecureBoot struct {
	SecureBootSigner     SigningKeyAndCertificate `yaml:"secureBootSigner,omitempty"`
	PCRSigner            SigningKey               `yaml:"pcrSigner,omitempty"`
	PlatformKeyPath      string                   `yaml:"platformKeyPath,omitempty"`
	KeyExchangeKeyPath   string                   `yaml:"keyExchangeKeyPath,omitempty"`
	SignatureKeyPath     string                   `yaml:"signatureKeyPath,omitempty"`
	IncludeWellKnownCert bool                     `yaml:"includeWellKnownCerts,omitempty"`
}

// SigningKeyAndCertificate is a key for Authenticode, in files or at a service.
type SigningKeyAndCertificate struct {
	KeyPath            string `yaml:"keyPath,omitempty"`
	CertPath           string `yaml:"certPath,omitempty"`
	AzureVaultURL      string `yaml:"azureVaultURL,omitempty"`
	AzureCertificateID string `yaml:"azureCertificateID,omitempty"`
	AWSKMSKeyID        string `yaml:"awsKMSKeyID,omitempty"`
	AWSRegion          string `yaml:"awsRegion,omitempty"`
	AWSCertPath        string `yaml:"awsCertPath,omitempty"`
	AWSCertARN         string `yaml:"awsCertARN,omitempty"`
	SignerAddress      string `yaml:"signerAddress,omitempty"`
}

// SigningKey is a key for PCR policies, in a file or at a service.
type SigningKey struct {
	KeyPath         string `yaml:"keyPath,omitempty"`
	AzureVaultURL   string `yaml:"azureVaultURL,omitempty"`
	AzureKeyID      string `yaml:"azureKeyID,omitempty"`
	AzureKeyVersion string `yaml:"azureKeyVersion,omitempty"`
	AWSKMSKeyID     string `yaml:"awsKMSKeyID,omitempty"`
	AWSRegion       string `yaml:"awsRegion,omitempty"`
	SignerAddress   string `yaml:"signerAddress,omitempty"`
}

// Overlay adds what a single-board computer needs.
type Overlay struct {
	Name    string         `yaml:"name"`
	Image   ContainerAsset `yaml:"image"`
	Options map[string]any `yaml:"options,omitempty"`
}

// Output says what to make.
type Output struct {
	Kind         Kind          `yaml:"kind"`
	ImageOptions *ImageOptions `yaml:"imageOptions,omitempty"`
	ISOOptions   *ISOOptions   `yaml:"isoOptions,omitempty"`
	OutFormat    OutFormat     `yaml:"outFormat,omitempty"`
}

// ImageOptions refine a disk image.
type ImageOptions struct {
	// DiskSize in bytes.
	DiskSize          int64      `yaml:"diskSize,omitempty"`
	DiskFormat        DiskFormat `yaml:"diskFormat,omitempty"`
	DiskFormatOptions string     `yaml:"diskFormatOptions,omitempty"`
	Bootloader        Bootloader `yaml:"bootloader,omitempty"`
	// SectorSize in bytes, 512 or 4096.
	SectorSize int `yaml:"sectorSize,omitempty"`
}

// ISOOptions refine an ISO image.
type ISOOptions struct {
	SDBootEnrollKeys EnrollKeys `yaml:"sdBootEnrollKeys,omitempty"`
}

// SecureBootEnabled tells whether a signed asset is asked for.
func (p *Profile) SecureBootEnabled() bool { return p.SecureBoot != nil && *p.SecureBoot }

// Stem is the documented first part of an asset's file name, such as
// "metal-amd64".
func (p *Profile) Stem() string {
	s := p.Platform
	if p.Board != "" {
		s += "-" + p.Board
	}

	s += "-" + p.Arch
	if p.SecureBootEnabled() {
		s += "-secureboot"
	}

	return s
}

// YAML formats the profile as a document, without what is empty.
func (p *Profile) YAML() ([]byte, error) { return yaml.Marshal(p) }
