package forge

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/sbom"
	"github.com/akmon-os/akmon/forge/tree"
)

// SBOM reads the bills of materials that are attached to the image that ref
// names, and puts them together: those of all platforms of an index, or of the
// ones given. The documents are checked against their digests, not against
// signatures: that is for Verify. Without a document the error is
// [publish.ErrNotFound]; a document about another image is one, too.
func SBOM(ctx context.Context, ref string, platforms []ocispecs.Platform, opts publish.Options) (sbom.Image, error) {
	target, err := publish.Open(ctx, ref, opts)
	if err != nil {
		return sbom.Image{}, err
	}

	images, err := described(ctx, target, platforms)
	if err != nil {
		return sbom.Image{}, err
	}

	var all []sbom.Image

	for _, image := range images {
		found, err := readSBOMs(ctx, image)
		if err != nil {
			return sbom.Image{}, err
		}

		all = append(all, found...)
	}

	if len(all) == 0 {
		return sbom.Image{}, fmt.Errorf("SPDX document attached to %s: %w", target, publish.ErrNotFound)
	}

	merged := sbom.Merge(all...)
	if len(images) > 1 {
		merged.Digest = target.Digest().String()
	}

	return merged, nil
}

// described are the manifests that documents may be attached to.
func described(ctx context.Context, target *publish.Target, platforms []ocispecs.Platform) ([]*publish.Target, error) {
	if len(platforms) == 0 {
		images := []*publish.Target{target}

		if target.IsIndex() {
			children, err := target.Children(ctx)
			if err != nil {
				return nil, err
			}

			images = append(images, children...)
		}

		return images, nil
	}

	var images []*publish.Target

	for _, p := range platforms {
		wanted, err := v1.ParsePlatform(tree.FormatPlatform(p))
		if err != nil {
			return nil, err
		}

		image, err := target.ForPlatform(ctx, *wanted)
		if err != nil {
			return nil, err
		}

		images = append(images, image)
	}

	return images, nil
}

func readSBOMs(ctx context.Context, image *publish.Target) ([]sbom.Image, error) {
	documents, err := image.Referrers(ctx, publish.SPDXType)
	if err != nil {
		return nil, err
	}

	var all []sbom.Image

	for _, d := range documents {
		data, err := d.Content(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the SBOM of %s: %w", image, err)
		}

		read, err := sbom.Read(data)
		if err != nil {
			return nil, fmt.Errorf("read the SBOM of %s: %w", image, err)
		}

		if read.Digest != "" && read.Digest != image.Digest().String() {
			return nil, fmt.Errorf("%w: the SBOM of %s is about another image, %s", sbom.ErrInput, image, read.Digest)
		}

		all = append(all, read)
	}

	// The order in which a registry lists them means nothing.
	slices.SortStableFunc(all, func(a, b sbom.Image) int { return len(b.Components) - len(a.Components) })

	return all, nil
}
