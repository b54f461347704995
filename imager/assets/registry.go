package assets

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/akmon-os/akmon/media/extent"
)

// openRegistry pulls from a registry, with the credentials that Docker's and
// Podman's clients have stored. Layers are fetched from the top until all
// files are found.
func openRegistry(ctx context.Context, ref string, o *Options) (*Set, error) {
	var nameOpts []name.Option

	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}

	if o.Insecure {
		t, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, fmt.Errorf("the HTTP transport can't be made insecure")
		}

		t = t.Clone()
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for with --insecure
		opts = append(opts, remote.WithTransport(t))
		nameOpts = append(nameOpts, name.Insecure)
	}

	r, err := name.ParseReference(ref, nameOpts...)
	if err != nil {
		return nil, fmt.Errorf("there is no such file or directory, and as an image reference: %w", err)
	}

	o.Progress("pulling %s for %s", r.Name(), o.Arch)

	d, err := remote.Get(r, opts...)
	if err != nil {
		return nil, err
	}

	img, err := remoteImage(d, o.Arch)
	if err != nil {
		return nil, err
	}

	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}

	if cfg.Architecture != o.Arch {
		return nil, missingArch(o.Arch, []string{cfg.Architecture})
	}

	stored, err := img.Layers()
	if err != nil {
		return nil, err
	}

	var layers []layer
	for _, l := range stored {
		// The library compares a layer with its digest as it is read.
		layers = append(layers, layer{open: l.Compressed})
	}

	s := &Set{From: r.Name(), Labels: cfg.Config.Labels, files: map[string]*extent.List{}}
	if err := s.image(ctx, layers, o); err != nil {
		s.Close()
		return nil, err
	}

	return s, nil
}

// remoteImage chooses the image for an architecture.
func remoteImage(d *remote.Descriptor, arch string) (v1.Image, error) {
	if !d.MediaType.IsIndex() {
		return d.Image()
	}

	idx, err := d.ImageIndex()
	if err != nil {
		return nil, err
	}

	m, err := idx.IndexManifest()
	if err != nil {
		return nil, err
	}

	var have []string

	for _, e := range m.Manifests {
		if e.Platform == nil || e.Platform.OS != "linux" {
			continue
		}

		if e.Platform.Architecture == arch {
			return idx.Image(e.Digest)
		}

		have = append(have, e.Platform.Architecture)
	}

	return nil, missingArch(arch, have)
}
