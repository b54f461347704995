package tree

import (
	"fmt"
	"runtime"
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/schemas/document"
)

// platform is what the tree knows of a platform.
type platform struct {
	id   string
	spec ocispecs.Platform
	// arch is the architecture as configure scripts and the kernel's
	// toolchains call it.
	arch string
}

var platforms = []platform{
	{"linux/amd64", ocispecs.Platform{OS: "linux", Architecture: "amd64"}, "x86_64"},
	{"linux/arm64", ocispecs.Platform{OS: "linux", Architecture: "arm64"}, "aarch64"},
	{"linux/armv7", ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, "armv7"},
	{"linux/riscv64", ocispecs.Platform{OS: "linux", Architecture: "riscv64"}, "riscv64"},
}

// aliases are other ways to write a platform.
var aliases = map[string]string{
	"linux/arm/v7":   "linux/armv7",
	"linux/arm":      "linux/armv7",
	"linux/arm64/v8": "linux/arm64",
	"linux/x86_64":   "linux/amd64",
	"linux/aarch64":  "linux/arm64",
	"linux/amd64/v1": "linux/amd64",
}

// ParsePlatform gives the platform that is written as os/arch, such as
// linux/amd64. Those that trees can be built for are linux/amd64,
// linux/arm64, linux/armv7 and linux/riscv64.
func ParsePlatform(s string) (ocispecs.Platform, error) {
	p, err := findPlatform(s)

	return p.spec, err
}

// FormatPlatform writes a platform as ParsePlatform reads it.
func FormatPlatform(p ocispecs.Platform) string {
	for _, known := range platforms {
		if known.spec.OS == p.OS && known.spec.Architecture == p.Architecture && known.spec.Variant == p.Variant {
			return known.id
		}
	}

	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}

	if found, err := findPlatform(s); err == nil {
		return found.id
	}

	return s
}

// Host is the platform that this program runs on, as far as trees can be
// built for it, else linux/amd64.
func Host() ocispecs.Platform {
	p, err := findPlatform("linux/" + runtime.GOARCH)
	if err != nil {
		p = platforms[0]
	}

	return p.spec
}

func findPlatform(s string) (platform, error) {
	id := s
	if alias, ok := aliases[s]; ok {
		id = alias
	}

	for _, p := range platforms {
		if p.id == id {
			return p, nil
		}
	}

	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.id
	}

	hint := document.Suggest(s, names)
	if hint == "" {
		slices.Sort(names)

		hint = fmt.Sprintf("known are %v", names)
	}

	return platform{}, fmt.Errorf("platform %q is not supported; %s", s, hint)
}
