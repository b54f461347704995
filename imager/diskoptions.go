package imager

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/akmon-os/akmon/media/qcow2"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/profile"
)

// diskOptions are output.imageOptions, read and completed.
type diskOptions struct {
	size, sector int64 // bytes
	format       profile.DiskFormat
	cluster      int64 // of a qcow2, in bytes; 0 is the usual one
	compress     bool
	compression  qcow2.Compression
}

// option is a key that a format takes, with what its value sets.
type option struct {
	key string
	set func(o *diskOptions, value string) error
}

// only accepts one value, which is what this program does anyway.
func only(value string) func(*diskOptions, string) error {
	return func(_ *diskOptions, v string) error {
		if v != value {
			return fmt.Errorf("it can be %s only", value)
		}

		return nil
	}
}

// options are the keys of output.imageOptions.diskFormatOptions by format, as
// qemu-img names them; "compress" is ours.
var options = map[profile.DiskFormat][]option{
	profile.DiskQCOW2: {
		{"cluster_size", func(o *diskOptions, v string) (err error) {
			if o.cluster, err = binarySize(v); err != nil {
				return err
			}

			if o.cluster < qcow2.MinClusterSize || o.cluster > qcow2.MaxClusterSize || o.cluster&(o.cluster-1) != 0 {
				return fmt.Errorf("it is a power of two from 512 to 2M")
			}

			return nil
		}},
		{"compress", func(o *diskOptions, v string) error {
			o.compress = v == "on"

			return onOff(v)
		}},
		{"compression_type", func(o *diskOptions, v string) error {
			o.compress = true

			switch v {
			case "zlib":
				o.compression = qcow2.Deflate
			case "zstd":
				o.compression = qcow2.Zstd
			default:
				return fmt.Errorf("it can be zlib or zstd")
			}

			return nil
		}},
		{"compat", only("1.1")},
	},
	profile.DiskVHD:  {{"subformat", only("fixed")}, {"force_size", only("on")}},
	profile.DiskVHDX: {{"subformat", only("dynamic")}},
	profile.DiskVMDK: {{"subformat", only("streamOptimized")}},
}

func onOff(v string) error {
	if v != "on" && v != "off" {
		return fmt.Errorf("it can be on or off")
	}

	return nil
}

// binarySize reads "8k", "2M" or a number of bytes.
func binarySize(v string) (int64, error) {
	factor := int64(1)

	switch digits := strings.TrimRight(v, "kKmM"); v[len(digits):] {
	case "":
	case "k", "K":
		v, factor = digits, 1<<10
	case "m", "M":
		v, factor = digits, 1<<20
	default:
		return 0, fmt.Errorf("it is not a size, such as 64k")
	}

	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("it is not a size, such as 64k")
	}

	return n * factor, nil
}

// readDiskOptions reads and completes the profile's image options. A profile
// without any gets a raw disk of the documented least size.
func readDiskOptions(p *profile.Profile) (o diskOptions, errs document.Errors) {
	const at = "output.imageOptions"

	var given profile.ImageOptions
	if p.Output.ImageOptions != nil {
		given = *p.Output.ImageOptions
	}

	o = diskOptions{size: given.DiskSize, sector: int64(given.SectorSize), format: given.DiskFormat}

	if o.format == "" {
		o.format = profile.DiskRaw
	}

	if o.sector == 0 {
		o.sector = 512
	}

	if o.size == 0 {
		o.size = profile.MinDiskSize
	}

	refuse := func(path, format string, args ...any) { errs = append(errs, p.At(path, format, args...)) }

	switch {
	case o.sector != 512 && o.sector != 4096:
		refuse(at+".sectorSize", "the sector size is 512 or 4096, not %d", o.sector)
	case o.sector == 4096 && slices.Contains([]profile.DiskFormat{profile.DiskVHD, profile.DiskVMDK, profile.DiskOVA}, o.format):
		refuse(at+".sectorSize", "the disk format %s has sectors of 512 bytes only", o.format)
	case o.size < 0 || o.size%o.sector != 0:
		refuse(at+".diskSize", "the disk size, %d bytes, is not a multiple of the sector size, %d", o.size, o.sector)
	case o.format == profile.DiskVHD && o.size%(1<<20) != 0:
		refuse(at+".diskSize", "the disk size, %d bytes, is not a multiple of 1 MiB, as Azure wants a VHD", o.size)
	}

	if b := given.Bootloader; b != "" && b != "sd-boot" {
		refuse(at+".bootloader", "the boot loader %q is not supported yet; it can be sd-boot", b)
	}

	if given.DiskFormatOptions != "" {
		for part := range strings.SplitSeq(given.DiskFormatOptions, ",") {
			if err := o.read(strings.TrimSpace(part)); err != nil {
				refuse(at+".diskFormatOptions", "%v", err)
			}
		}
	}

	return o, errs
}

// read reads one KEY=VALUE; a KEY alone is on.
func (o *diskOptions) read(part string) error {
	key, value, given := strings.Cut(part, "=")
	if !given {
		value = "on"
	}

	var known []string

	for _, k := range options[o.format] {
		if k.key == key {
			if err := k.set(o, value); err != nil {
				return fmt.Errorf("%s=%s: %w", key, value, err)
			}

			return nil
		}

		known = append(known, k.key)
	}

	if len(known) == 0 {
		return fmt.Errorf("the disk format %s has no options, %q is given", o.format, part)
	}

	hint := document.Suggest(key, known)
	if hint == "" {
		hint = "there are " + strings.Join(known, ", ")
	}

	return fmt.Errorf("the disk format %s has no option %q; %s", o.format, key, hint)
}
