package forge

import (
	"context"
	"errors"
	"fmt"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/forge/tree"
)

func imageKey(ref string, platform ocispecs.Platform) string {
	return ref + " " + tree.FormatPlatform(platform)
}

// storedImage is lower's question for a registry's image.
func (i *inputs) storedImage(ref string, platform ocispecs.Platform) (string, error) {
	img, ok := i.images[imageKey(ref, platform)]
	if !ok {
		return "", fmt.Errorf("it has not been fetched for %s", tree.FormatPlatform(platform))
	}

	return img.StoreRef(), nil
}

// reference is what a recipe's image means: as the tree's lock pins it, or
// else as it stands.
func reference(w lower.ImageInput, pinned *pins.Pins) (ref image.Reference, fixed bool, err error) {
	if ref, err = image.Parse(w.Ref); err != nil {
		return ref, false, w.Errorf("%v", err)
	}

	ref, fixed = pinned.Image(ref)

	return ref, fixed, nil
}

// fetchImages brings base images into the store.
func (i *inputs) fetchImages(ctx context.Context, g *graph.Graph, wanted []lower.ImageInput, store *source.Store) error {
	if len(wanted) == 0 {
		return nil
	}

	pinned, err := pins.Load(g.Tree.Dir())
	if err != nil {
		return err
	}

	var errs []error

	for _, w := range wanted {
		ref, _, err := reference(w, pinned)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		img, err := image.Fetch(ctx, store, image.Wanted{
			Ref: ref, Platform: w.Platform, Package: w.Package, Position: position(w.Place),
		})
		if err != nil {
			errs = append(errs, err)

			continue
		}

		i.images[imageKey(w.Ref, w.Platform)] = img
	}

	return errors.Join(errs...)
}

// position is where a recipe asks for something, for messages.
func position(p lower.Place) string {
	at := p.Errorf("")

	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)
}
