package bootstrap

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// searchPath is that of the image: /sbin and /bin are links to these.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

// writeImage writes an OCI image layout (image-spec 1.1) with one uncompressed
// layer, which fill writes, to the empty directory dir.
func writeImage(dir, arch string, when time.Time, fill func(io.Writer) error) error {
	blobs := filepath.Join(dir, ocispecs.ImageBlobsDir, "sha256")
	// A containerd content store makes "ingest" itself, but only where it may
	// write; making it here keeps the layout usable when read-only.
	for _, sub := range []string{blobs, filepath.Join(dir, "ingest")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return fmt.Errorf("write image layout: %w", err)
		}
	}

	layer, err := writeLayer(blobs, fill)
	if err != nil {
		return err
	}

	config, err := writeJSON(blobs, ocispecs.MediaTypeImageConfig, ocispecs.Image{
		Created:  &when,
		Platform: ocispecs.Platform{Architecture: goArch(arch), OS: "linux", Variant: goVariant(arch)},
		Config:   ocispecs.ImageConfig{Env: []string{searchPath}},
		RootFS:   ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		History:  []ocispecs.History{{Created: &when, CreatedBy: "akmon bootstrap"}},
	})
	if err != nil {
		return err
	}

	manifest, err := writeJSON(blobs, ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispecs.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispecs.Descriptor{layer},
	})
	if err != nil {
		return err
	}

	manifest.Platform = &ocispecs.Platform{Architecture: goArch(arch), OS: "linux", Variant: goVariant(arch)}

	return errors.Join(
		writeTo(filepath.Join(dir, ocispecs.ImageLayoutFile), ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion}),
		writeTo(filepath.Join(dir, ocispecs.ImageIndexFile), ocispecs.Index{
			Versioned: specs.Versioned{SchemaVersion: 2},
			MediaType: ocispecs.MediaTypeImageIndex,
			Manifests: []ocispecs.Descriptor{manifest},
		}),
	)
}

// goArch is Go's (and OCI's) name of a Debian architecture.
func goArch(arch string) string {
	switch arch {
	case "armhf", "armel":
		return "arm"
	case "i386":
		return "386"
	case "ppc64el":
		return "ppc64le"
	case "mips64el":
		return "mips64le"
	default:
		return arch
	}
}

func goVariant(arch string) string {
	switch arch {
	case "armhf":
		return "v7"
	case "armel":
		return "v5"
	default:
		return ""
	}
}

// DebianArch is Debian's name of an OCI platform's architecture.
func DebianArch(architecture, variant string) string {
	for _, arch := range []string{"armhf", "armel"} {
		if architecture == "arm" && variant == goVariant(arch) {
			return arch
		}
	}

	for _, arch := range []string{"armhf", "i386", "ppc64el", "mips64el"} {
		if architecture == goArch(arch) {
			return arch
		}
	}

	return architecture
}

// counter hashes and counts what passes.
type counter struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.n += int64(n)

	return n, err
}

func writeLayer(blobs string, fill func(io.Writer) error) (ocispecs.Descriptor, error) {
	f, err := os.CreateTemp(blobs, "layer-*")
	if err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("write layer: %w", err)
	}

	out := &counter{w: f, hash: sha256.New()}
	err = fill(out)

	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("write layer: %w", err)
	}

	sum := digest.NewDigest(digest.SHA256, out.hash)
	if err := os.Rename(f.Name(), filepath.Join(blobs, sum.Encoded())); err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("write layer: %w", err)
	}

	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: sum, Size: out.n}, nil
}

func writeJSON(blobs, mediaType string, v any) (ocispecs.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}

	sum := digest.FromBytes(data)
	if err := os.WriteFile(filepath.Join(blobs, sum.Encoded()), data, 0o644); err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("write %s: %w", mediaType, err)
	}

	return ocispecs.Descriptor{MediaType: mediaType, Digest: sum, Size: int64(len(data))}, nil
}

func writeTo(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write image layout: %w", err)
	}

	return os.WriteFile(path, data, 0o644)
}

// openImage opens an assembled userland. Digests are not computed again, but
// every blob must be there in its size.
func openImage(dir string) (Image, error) {
	var index ocispecs.Index
	if err := readJSON(filepath.Join(dir, ocispecs.ImageIndexFile), &index); err != nil {
		return Image{}, err
	}

	if len(index.Manifests) != 1 {
		return Image{}, fmt.Errorf("%s holds %d manifests, want one", dir, len(index.Manifests))
	}

	blob := func(d ocispecs.Descriptor) string {
		return filepath.Join(dir, ocispecs.ImageBlobsDir, d.Digest.Algorithm().String(), d.Digest.Encoded())
	}

	desc := index.Manifests[0]
	if err := desc.Digest.Validate(); err != nil {
		return Image{}, fmt.Errorf("open %s: %w", dir, err)
	}

	var manifest ocispecs.Manifest
	if err := readJSON(blob(desc), &manifest); err != nil {
		return Image{}, err
	}

	if len(manifest.Layers) != 1 {
		return Image{}, fmt.Errorf("%s holds %d layers, want one", dir, len(manifest.Layers))
	}

	for _, d := range append(manifest.Layers, manifest.Config, desc) {
		if err := d.Digest.Validate(); err != nil {
			return Image{}, fmt.Errorf("open %s: %w", dir, err)
		}

		info, err := os.Stat(blob(d))
		if err != nil {
			return Image{}, fmt.Errorf("open %s: %w", dir, err)
		}

		if info.Size() != d.Size {
			return Image{}, fmt.Errorf("open %s: %s has %d bytes, want %d", dir, d.Digest, info.Size(), d.Size)
		}
	}

	return Image{
		Dir:    dir,
		Digest: desc.Digest.String(),
		Ref:    RefName + "@" + desc.Digest.String(),
		Layer:  manifest.Layers[0].Digest.String(),
		Size:   manifest.Layers[0].Size,
	}, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}

	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}

	return nil
}

func isNotEmpty(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) }

func sortedPaths[V any](m map[Path]V) []Path {
	return slices.Sorted(maps.Keys(m))
}
