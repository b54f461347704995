package assets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/media/extent"
)

// maxJSON bounds an index, manifest or configuration, in bytes.
const maxJSON = 16 << 20

// blobs gives the files of a layout: "index.json", "blobs/sha256/…".
type blobs func(name string) (*extent.List, error)

// errNoBlob is returned by blobs for a file that is not there.
var errNoBlob = errors.New("is missing from the layout")

// image is one image of a layout.
type image struct {
	name   string // as the layout calls it, may be empty
	arch   string
	digest string
	labels map[string]string
	layers []layer
}

// openLayout opens an OCI layout directory.
func openLayout(ctx context.Context, dir, name string, o *Options) (*Set, error) {
	s := &Set{From: dir, files: map[string]*extent.List{}}

	get := func(n string) (*extent.List, error) {
		f, err := os.Open(path.Join(dir, n))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s %w", n, errNoBlob)
		}

		if err != nil {
			return nil, err
		}

		s.closers = append(s.closers, f)

		return extent.FromFile(f)
	}

	return s.layout(ctx, get, name, o)
}

// layout finds the image for the architecture and searches it. It closes the
// set on errors.
func (s *Set) layout(ctx context.Context, get blobs, name string, o *Options) (*Set, error) {
	images, err := list(get)
	if err == nil {
		var img *image
		if img, err = pick(images, name, o.Arch); err == nil {
			s.Labels = img.labels
			err = s.image(ctx, img.layers, o)
		}
	}

	if err != nil {
		s.Close()
		return nil, err
	}

	return s, nil
}

func decode(get blobs, name string, v any) error {
	l, err := get(name)
	if err != nil {
		return err
	}

	b, err := l.Bytes(maxJSON)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}

	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}

	return nil
}

// list finds every image of a layout, of either kind.
func list(get blobs) ([]image, error) {
	var idx v1.IndexManifest

	err := decode(get, "index.json", &idx)
	if errors.Is(err, errNoBlob) {
		return listDocker(get)
	}

	if err != nil {
		return nil, err
	}

	return listIndex(get, &idx, "", 0)
}

func blobName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// manifest is an image manifest or, with Manifests, an index: which of them a
// blob is shows only when it is read.
type manifest struct {
	v1.Manifest
	Manifests []v1.Descriptor `json:"manifests"`
}

func listIndex(get blobs, idx *v1.IndexManifest, name string, depth int) ([]image, error) {
	if depth > 8 {
		return nil, errors.New("its indexes are nested too deep")
	}

	var out []image

	for _, d := range idx.Manifests {
		n := name
		if r := d.Annotations["org.opencontainers.image.ref.name"]; r != "" {
			n = r
		}

		if d.Platform != nil && d.Platform.OS == "unknown" {
			continue // an attestation
		}

		if d.Digest.Algorithm != "sha256" {
			return nil, fmt.Errorf("the digest %s is not a SHA-256", d.Digest)
		}

		var m manifest

		if err := decode(get, blobName(d.Digest), &m); err != nil {
			if errors.Is(err, errNoBlob) {
				continue // a layout may hold one platform of several
			}

			return nil, err
		}

		if len(m.Manifests) > 0 {
			more, err := listIndex(get, &v1.IndexManifest{Manifests: m.Manifests}, n, depth+1)
			if err != nil {
				return nil, err
			}

			out = append(out, more...)

			continue
		}

		if !m.Config.MediaType.IsConfig() {
			continue // a signature or another artefact
		}

		img, err := fromManifest(get, &m)
		if err != nil {
			return nil, err
		}

		img.name, img.digest = n, d.Digest.String()
		if !slices.ContainsFunc(out, func(i image) bool { return i.digest == img.digest }) {
			out = append(out, *img)
		}
	}

	return out, nil
}

func fromManifest(get blobs, m *manifest) (*image, error) {
	var cfg v1.ConfigFile
	if err := decode(get, blobName(m.Config.Digest), &cfg); err != nil {
		return nil, err
	}

	img := &image{arch: cfg.Architecture, labels: cfg.Config.Labels}

	for _, d := range m.Layers {
		l, err := get(blobName(d.Digest))
		if err != nil {
			return nil, err
		}

		if l.Size() != d.Size {
			return nil, fmt.Errorf("layer %s has %d bytes instead of %d: it is cut off or damaged", d.Digest, l.Size(), d.Size)
		}

		img.layers = append(img.layers, layer{digest: d.Digest.String(), local: l})
	}

	return img, nil
}

// pick chooses one image by name and architecture.
func pick(images []image, name, arch string) (*image, error) {
	var (
		have  []string
		names []string
		found []*image
	)

	for i := range images {
		img := &images[i]
		if name != "" && img.name != name && !slices.Contains(strings.Split(img.name, ", "), name) && img.digest != name {
			names = append(names, img.name)
			continue
		}

		if img.arch != arch {
			have = append(have, img.arch)
			continue
		}

		found = append(found, img)
		names = append(names, img.name)
	}

	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("it holds several images for %s; choose one with PATH:NAME, of %s", arch, strings.Join(names, ", "))
	case name != "" && len(have) == 0:
		return nil, notFound(fmt.Sprintf("it holds no image %q, only %s", name, strings.Join(names, ", ")))
	default:
		return nil, missingArch(arch, have)
	}
}
