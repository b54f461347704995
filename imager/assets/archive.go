package assets

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/media/extent"
)

// openArchive opens a tar archive with an OCI layout, or with what "docker
// save" wrote before it became one.
func openArchive(ctx context.Context, file, name string, o *Options) (*Set, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}

	s := &Set{From: file, files: map[string]*extent.List{}, closers: []io.Closer{f}}

	all, err := extent.FromFile(f)
	if err != nil {
		s.Close()
		return nil, err
	}

	members, err := index(all)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("it is neither a directory nor a tar archive of an image: %w", err)
	}

	return s.layout(ctx, func(n string) (*extent.List, error) {
		if l, ok := members[n]; ok {
			return l, nil
		}

		return nil, fmt.Errorf("%s %w", n, errNoBlob)
	}, name, o)
}

// index lists the members of an uncompressed tar archive as ranges of it.
func index(all *extent.List) (map[string]*extent.List, error) {
	if compressed(all) {
		return nil, errors.New("it is compressed as a whole; unpack it first")
	}

	sr := all.NewReader()
	tr := tar.NewReader(sr)
	members := map[string]*extent.List{}
	links := map[string]string{}

	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return nil, err
		}

		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")

		switch {
		case h.Typeflag == tar.TypeReg && !sparse(h):
			at, err := sr.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}

			members[name] = all.Slice(at, h.Size)
			if members[name].Size() != h.Size {
				return nil, fmt.Errorf("%s is cut off: %w", name, io.ErrUnexpectedEOF)
			}
		case h.Typeflag == tar.TypeSymlink: // old "docker save" links equal layers
			links[name] = path.Join(path.Dir(name), h.Linkname)
		}
	}

	for from, to := range links {
		if l, ok := members[to]; ok {
			members[from] = l
		}
	}

	if len(members) == 0 {
		return nil, errors.New("it is empty")
	}

	return members, nil
}

// listDocker reads the manifest.json of "docker save".
func listDocker(get blobs) ([]image, error) {
	var entries []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}

	if err := decode(get, "manifest.json", &entries); err != nil {
		if errors.Is(err, errNoBlob) {
			return nil, errors.New("it has neither an index.json nor a manifest.json, so it is no image")
		}

		return nil, err
	}

	var out []image

	for _, e := range entries {
		var cfg v1.ConfigFile
		if err := decode(get, e.Config, &cfg); err != nil {
			return nil, err
		}

		img := image{arch: cfg.Architecture, labels: cfg.Config.Labels, name: strings.Join(e.RepoTags, ", ")}

		for i, n := range e.Layers {
			l, err := get(n)
			if err != nil {
				return nil, err
			}

			// The configuration has digests of uncompressed layers only.
			digest := ""
			if i < len(cfg.RootFS.DiffIDs) && !compressed(l) {
				digest = cfg.RootFS.DiffIDs[i].String()
			}

			img.layers = append(img.layers, layer{digest: digest, local: l})
		}

		out = append(out, img)
	}

	return out, nil
}
