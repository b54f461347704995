package profile

import (
	"slices"
	"strings"
)

// Sizes of disk images, in bytes.
const (
	mib = 1 << 20
	// MinDiskSize is the documented least size, in bytes: the disk is to be
	// copied to a larger one.
	MinDiskSize     = 1246 * mib
	defaultDiskSize = 8192 * mib
)

// base is a base profile in short form.
type base struct {
	platform string
	kind     Kind
	format   OutFormat
	disk     DiskFormat
	options  string
	size     int64
}

// bases lists the documented base profiles, but for their secureboot forms.
var bases = map[string]base{
	"iso":           {"metal", ISO, Raw, "", "", 0},
	"metal":         {"metal", Image, ZST, "raw", "", MinDiskSize},
	"metal-4k":      {"metal", Image, ZST, "raw", "", MinDiskSize},
	"metal-uki":     {"metal", UKI, Raw, "", "", 0},
	"installer":     {"metal", Installer, Raw, "", "", 0},
	"akamai":        {"akamai", Image, GZ, "raw", "", defaultDiskSize},
	"alibabacloud":  {"alibabacloud", Image, ZST, "qcow2", "cluster_size=8k", defaultDiskSize},
	"aws":           {"aws", Image, ZST, "raw", "", defaultDiskSize},
	"azure":         {"azure", Image, ZST, "vhd", "subformat=fixed,force_size", defaultDiskSize},
	"cloudstack":    {"cloudstack", Image, ZST, "raw", "", MinDiskSize},
	"digital-ocean": {"digital-ocean", Image, GZ, "raw", "", defaultDiskSize},
	"exoscale":      {"exoscale", Image, ZST, "qcow2", "cluster_size=8k", 10240 * mib},
	"gcp":           {"gcp", Image, TarGZ, "raw", "", defaultDiskSize},
	"hcloud":        {"hcloud", Image, ZST, "raw", "", MinDiskSize},
	"nocloud":       {"nocloud", Image, ZST, "raw", "", MinDiskSize},
	"opennebula":    {"opennebula", Image, ZST, "raw", "", MinDiskSize},
	"openstack":     {"openstack", Image, ZST, "raw", "", MinDiskSize},
	"oracle":        {"oracle", Image, ZST, "qcow2", "cluster_size=8k", defaultDiskSize},
	"scaleway":      {"scaleway", Image, ZST, "raw", "", MinDiskSize},
	"upcloud":       {"upcloud", Image, ZST, "raw", "", defaultDiskSize},
	"vmware":        {"vmware", Image, Raw, "ova", "", defaultDiskSize},
	"vultr":         {"vultr", Image, ZST, "raw", "", defaultDiskSize},
	// The kinds that have no platform of their own.
	"uki":       {"metal", UKI, Raw, "", "", 0},
	"kernel":    {"metal", Kernel, Raw, "", "", 0},
	"initramfs": {"metal", Initramfs, Raw, "", "", 0},
	"cmdline":   {"metal", Cmdline, Raw, "", "", 0},
}

// withSecureBoot lists the bases that have a form named secureboot-….
var withSecureBoot = []string{"iso", "metal", "metal-uki", "installer"}

// Names lists the base profiles in alphabetical order.
func Names() []string {
	var out []string
	for n := range bases {
		out = append(out, n)
	}

	for _, n := range withSecureBoot {
		out = append(out, "secureboot-"+n)
	}

	slices.Sort(out)

	return out
}

// Platforms lists the platforms of the base profiles in alphabetical order.
func Platforms() []string {
	var out []string
	for _, b := range bases {
		out = append(out, b.platform)
	}

	slices.Sort(out)

	return slices.Compact(out)
}

// Named returns a copy of a base profile, and whether there is one.
func Named(name string) (*Profile, bool) {
	plain, secure := strings.CutPrefix(name, "secureboot-")
	if secure && !slices.Contains(withSecureBoot, plain) {
		return nil, false
	}

	b, ok := bases[plain]
	if !ok {
		return nil, false
	}

	p := &Profile{
		BaseProfileName: name, Platform: b.platform, SecureBoot: &secure,
		Output: Output{Kind: b.kind, OutFormat: b.format},
	}

	if b.kind == Image {
		p.Output.ImageOptions = &ImageOptions{DiskSize: b.size, DiskFormat: b.disk, DiskFormatOptions: b.options}
		if plain == "metal-4k" {
			p.Output.ImageOptions.SectorSize = 4096
		}
	}

	return p, true
}
