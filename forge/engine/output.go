package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// imageAttrs sets the attributes that all forms of an image have in common.
func (o *output) imageAttrs(request Request, attrs map[string]string) {
	compression := o.Compression
	if compression == "" {
		compression = Uncompressed
	}

	attrs["compression"] = string(compression)
	// Layers that came from elsewhere, or were made for another export, are
	// packed the same way: the digest must not depend on what went before.
	attrs["force-compression"] = "true"
	attrs["oci-mediatypes"] = "true"

	if request.Epoch != nil {
		attrs["rewrite-timestamp"] = "true"
	}

	if len(o.Names) > 0 {
		attrs["name"] = strings.Join(o.Names, ",")
	}

	for name, value := range request.Annotations {
		attrs["annotation."+name] = value
	}
}

func set(attrs, more map[string]string) {
	for name, value := range more {
		attrs[name] = value
	}
}

// dirs are the directories that exports are written in.
func (o *outputs) dirs() []string {
	var dirs []string

	for _, out := range o.list {
		if out.stage != nil && out.stage.Path != "" {
			dirs = append(dirs, filepath.Dir(out.stage.Path))
		}
	}

	return dirs
}

// commit puts all exports in place.
func (o *outputs) commit(result *Result) error {
	for _, out := range o.list {
		if out.stage == nil {
			continue
		}

		switch out.Type {
		case OCILayout:
			if err := finishLayout(out.stage.Path, result.Descriptor, out.Names); err != nil {
				return err
			}

			if err := out.stage.Replace(); err != nil {
				return err
			}
		case LocalDir:
			if err := out.stage.Merge(); err != nil {
				return err
			}
		default:
			if err := out.stage.Replace(); err != nil {
				return err
			}
		}
	}

	return nil
}

// discard removes what was not put in place.
func (o *outputs) discard() error {
	var errs []error

	for _, out := range o.list {
		if out.stage != nil {
			errs = append(errs, out.stage.Discard())
		}
	}

	return errors.Join(errs...)
}

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

	if len(names) == 0 {
		names = []string{"latest"}
	}

	for _, name := range names {
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
