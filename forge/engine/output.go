package engine

import (
	"errors"
	"path/filepath"
	"strings"
)

// imageAttrs sets the attributes that all forms of an image have in common.
func (o *output) imageAttrs(request Request, attrs map[string]string) {
	compression := request.Compression
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
		if out.stage == nil || out.unchanged {
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
