package engine

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// finishLayout writes what makes a directory of blobs an OCI image layout
// (image-spec, image-layout.md): the marker file and the index.
func finishLayout(dir string, desc ocispecs.Descriptor, names []string) error {
	// The store's own working directory.
	if err := os.RemoveAll(filepath.Join(dir, "ingest")); err != nil {
		return fmt.Errorf("finishing the layout: %w", err)
	}

	index := ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispecs.MediaTypeImageIndex,
	}

	for _, name := range layoutNames(names) {
		entry := desc
		entry.Annotations = map[string]string{ocispecs.AnnotationRefName: name}
		index.Manifests = append(index.Manifests, entry)
	}

	for name, value := range map[string]any{
		ocispecs.ImageLayoutFile: ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion},
		ocispecs.ImageIndexFile:  index,
	} {
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("writing the layout's %s: %w", name, err)
		}

		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("writing the layout's %s: %w", name, err)
		}
	}

	return nil
}

func layoutNames(names []string) []string {
	if len(names) == 0 {
		return []string{"latest"}
	}

	return names
}

// soundLayout returns the digest of the image that the layout at dir holds
// under exactly the given names, if every blob of it is there and has the
// bytes that its digest says. Entries without a name (signatures, SBOMs) may
// be there besides. Everything else gives "".
func soundLayout(dir string, names []string) string {
	var index ocispecs.Index

	data, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	if err != nil || json.Unmarshal(data, &index) != nil {
		return ""
	}

	var (
		image ocispecs.Descriptor
		found []string
	)

	for _, entry := range index.Manifests {
		name := entry.Annotations[ocispecs.AnnotationRefName]
		if name == "" {
			continue
		}

		if image.Digest != "" && image.Digest != entry.Digest {
			return ""
		}

		image = entry
		found = append(found, name)
	}

	if !sameNames(found, layoutNames(names)) || !soundBlob(dir, image, 0) {
		return ""
	}

	return image.Digest.String()
}

// maxManifest is more than any manifest or index of ours needs.
const maxManifest = 4 << 20

// soundBlob checks a blob and all that it refers to.
func soundBlob(dir string, desc ocispecs.Descriptor, depth int) bool {
	if desc.Digest.Validate() != nil || desc.Digest.Algorithm() != digest.SHA256 || depth > 2 {
		return false
	}

	file, err := os.Open(filepath.Join(dir, "blobs", "sha256", desc.Digest.Encoded()))
	if err != nil {
		return false
	}
	defer file.Close()

	if info, err := file.Stat(); err != nil || info.Size() != desc.Size {
		return false
	}

	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil || digest.NewDigest(digest.SHA256, hash) != desc.Digest {
		return false
	}

	isManifest := images.IsManifestType(desc.MediaType) || images.IsIndexType(desc.MediaType)
	if !isManifest {
		return true
	}

	if desc.Size > maxManifest {
		return false
	}

	data, err := os.ReadFile(file.Name())
	if err != nil {
		return false
	}

	// An index has manifests, a manifest has a config and layers.
	var refers struct {
		Manifests []ocispecs.Descriptor `json:"manifests"`
		Config    *ocispecs.Descriptor  `json:"config"`
		Layers    []ocispecs.Descriptor `json:"layers"`
	}

	if json.Unmarshal(data, &refers) != nil {
		return false
	}

	children := slices.Concat(refers.Manifests, refers.Layers)
	if refers.Config != nil {
		children = append(children, *refers.Config)
	}

	for _, child := range children {
		if !soundBlob(dir, child, depth+1) {
			return false
		}
	}

	return true
}
