package imager

import (
	"path"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/profile"
)

// kinds that this package makes.
var kinds = []profile.Kind{profile.ISO, profile.Image, profile.UKI, profile.Kernel, profile.Initramfs, profile.Cmdline}

// Kinds lists the output kinds that can be made.
func Kinds() []profile.Kind { return slices.Clone(kinds) }

// Check reports everything in a profile that can't be honoured: what is
// wrong, and what is documented but not supported yet. Nothing is read but
// the profile.
func Check(p *profile.Profile) error {
	errs := document.Join("profile", p.Validate())

	refuse := func(asked bool, path, what string) {
		if asked || p.Has(path) {
			errs = append(errs, p.At(path, "%s is not supported yet", what))
		}
	}

	if p.Output.Kind != "" && !slices.Contains(kinds, p.Output.Kind) {
		e := p.At("output.kind", "the output kind %q is not supported yet", p.Output.Kind)

		var names []string
		for _, k := range kinds {
			names = append(names, string(k))
		}

		e.Hint = "it can be " + strings.Join(names, ", ")
		errs = append(errs, e)
	} else if p.Output.Kind == profile.Image {
		_, found := readDiskOptions(p)
		errs = append(errs, found...)
	} else if p.Has("output.imageOptions") {
		errs = append(errs, p.At("output.imageOptions", "imageOptions can't be in the output kind %q", p.Output.Kind))
	}

	if p.SecureBootEnabled() {
		errs = append(errs, p.At("secureboot", "secureboot: true is not supported yet"))
	}

	if p.Arch == "" {
		errs = append(errs, p.At("arch", "the architecture is missing"))
	}

	refuse(p.Board != "", "board", "board")
	refuse(len(p.Customization.MetaContents) > 0, "customization.metaContents", "metaContents")
	refuse(p.Customization.EmbeddedMachineConfiguration != "", "customization.embeddedMachineConfiguration", "embeddedMachineConfiguration")

	if boot := p.Input.SDBoot.Path; p.Output.Kind != profile.Image && boot != "" && boot != path.Join(assets.InstallDir, p.Arch, assets.Boot) {
		errs = append(errs, p.At("input.sdBoot", "sdBoot is for disk images: other assets have no boot loader but the stub"))
	}

	refuse(false, "input.dtb", "dtb")
	refuse(false, "input.uBoot", "uBoot")
	refuse(false, "input.rpiFirmware", "rpiFirmware")
	refuse(false, "input.overlayInstaller", "overlayInstaller")
	refuse(p.Input.SecureBoot != nil, "input.secureboot", "secureboot (keys)")
	refuse(len(p.Input.SystemExtensions) > 0, "input.systemExtensions", "systemExtensions")
	refuse(p.Input.ImageCache != profile.ContainerAsset{}, "input.imageCache", "imageCache")
	refuse(p.Overlay != nil, "overlay", "overlay")
	refuse(false, "output.isoOptions", "isoOptions")

	if k := p.Output.Kind; (k == profile.Kernel || k == profile.Initramfs) && len(p.Customization.ExtraKernelArgs) > 0 {
		errs = append(errs, p.At("customization.extraKernelArgs", "extraKernelArgs can't be in the output kind %q", k))
	}

	return errs.OrNil()
}
