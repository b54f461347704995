package lower

import (
	"fmt"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// image is a registry's image: one that the driver has fetched, or one that
// BuildKit is to pull.
func (p *pkg) image(ref string, platform ocispecs.Platform, named []llb.ConstraintsOpt) (llb.State, error) {
	if provide := p.l.opts.Provide.Image; provide != nil {
		state, ok, err := provide(ref, platform)
		if err != nil {
			return llb.State{}, fmt.Errorf("image %s: %w", ref, err)
		}

		if ok {
			return state, nil
		}
	}

	if p.l.opts.Image == nil {
		return llb.Image(ref, append(imageOptions(named), llb.Platform(platform))...), nil
	}

	stored, err := p.l.opts.Image(ref, platform)
	if err != nil {
		return llb.State{}, fmt.Errorf("image %s: %w", ref, err)
	}

	return llb.OCILayout(stored, append(layoutOptions(named), llb.OCIStore("", "images"), llb.Platform(platform))...), nil
}
