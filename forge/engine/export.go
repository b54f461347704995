package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"

	"github.com/akmon-os/akmon/forge/engine/staging"
)

// ExportType is a form that a result can be written in.
type ExportType string

const (
	// OCILayout is a directory after the OCI image layout. It replaces an
	// existing layout; any other directory with something in it is refused.
	OCILayout ExportType = "oci-layout"
	// OCITar is an OCI image layout as one tar file.
	OCITar ExportType = "oci"
	// DockerTar is a tar file that `docker load` takes, of one platform.
	DockerTar ExportType = "docker"
	// LocalDir is the result's file tree. Files are put into the directory one
	// by one, and what else is in it stays. With several images each gets a
	// directory named by its platform.
	LocalDir ExportType = "local"
	// Registry pushes the image.
	Registry ExportType = "registry"
)

// Compression is how layers are packed.
type Compression string

const (
	// Uncompressed layers have the same bytes wherever they are made, and cost
	// nothing to make. What is big in an image of Akmon is packed already.
	Uncompressed Compression = "uncompressed"
	// Gzip layers depend on the builder's version.
	Gzip Compression = "gzip"
	// Zstd layers depend on the builder's version.
	Zstd Compression = "zstd"
)

// Export is one form to write a result in.
type Export struct {
	Type ExportType
	// Path is the file or directory to write; not used with Registry.
	Path string
	// Names are the image's references: where to push with Registry (at least
	// one), the tags to note in a layout or tar file (may be empty; without
	// any a layout's entry is called latest).
	Names []string
	// Insecure allows plain HTTP and unverified TLS when pushing.
	Insecure bool
	// Attrs are further attributes of BuildKit's exporter, which win over
	// those made from the other fields.
	Attrs map[string]string
}

// output is one export that is under way.
type output struct {
	Export

	stage *staging.Stage
	entry client.ExportEntry
	// unchanged: the destination holds the result already.
	unchanged bool
}

type outputs struct{ list []*output }

// stage checks the exports and prepares their temporary names.
func (e *Engine) stage(request Request) (_ *outputs, err error) {
	o := &outputs{}

	defer func() {
		if err != nil {
			err = errors.Join(err, o.discard())
		}
	}()

	// A push can't be undone, so it comes last.
	exports := slices.Clone(request.Exports)
	slices.SortStableFunc(exports, func(a, b Export) int { return pushes(a) - pushes(b) })

	for _, export := range exports {
		if err := export.check(request); err != nil {
			return nil, fmt.Errorf("exporting: %w", err)
		}

		out := &output{Export: export}
		o.list = append(o.list, out)

		if export.Path != "" {
			if out.stage, err = staging.New(e.journal, export.Path); err != nil {
				return nil, diskFull(fmt.Errorf("preparing an export: %w", err), filepath.Dir(export.Path))
			}
		}

		if out.entry, err = out.prepare(request, e.embedded != nil && !request.NoCache); err != nil {
			return nil, diskFull(fmt.Errorf("preparing an export: %w", err), filepath.Dir(export.Path))
		}
	}

	return o, nil
}

func pushes(x Export) int {
	if x.Type == Registry {
		return 1
	}

	return 0
}

// check refuses what could not work, or would destroy something, before
// anything is built.
func (x Export) check(request Request) error {
	if x.Type == Registry {
		if len(x.Names) == 0 {
			return errors.New("pushing needs an image name")
		}

		return nil
	}

	if x.Path == "" {
		return fmt.Errorf("the form %q needs a path", x.Type)
	}

	info, err := os.Stat(x.Path)

	switch x.Type {
	case OCITar, DockerTar:
		if x.Type == DockerTar && len(request.Images) > 1 {
			return errors.New("a Docker tar file holds one platform; use an OCI form for several")
		}

		if err == nil && info.IsDir() {
			return fmt.Errorf("%s is a directory, not a file", x.Path)
		}
	case OCILayout:
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file, not a directory", x.Path)
		}

		if err == nil {
			return replaceable(x.Path)
		}
	case LocalDir:
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file, not a directory", x.Path)
		}
	default:
		return fmt.Errorf("the form %q is not known", x.Type)
	}

	return nil
}

// replaceable makes sure that a directory is empty or an OCI layout.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking at the destination: %w", err)
	}

	if len(entries) == 0 {
		return nil
	}

	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return fmt.Errorf("%s holds something other than an OCI layout and would be replaced", dir)
	}

	return nil
}

// prepare puts the export in BuildKit's terms.
func (o *output) prepare(request Request, remembers bool) (client.ExportEntry, error) {
	entry := client.ExportEntry{Attrs: map[string]string{}}

	if request.Epoch != nil {
		entry.Attrs["source-date-epoch"] = strconv.FormatInt(request.Epoch.Unix(), 10)
	}

	if o.Type == LocalDir {
		entry.Type = client.ExporterLocal
		entry.OutputDir = o.stage.Path
		set(entry.Attrs, o.Attrs)

		return entry, os.Mkdir(o.stage.Path, 0o755)
	}

	o.imageAttrs(request, entry.Attrs)

	switch o.Type {
	case OCILayout:
		if err := os.Mkdir(o.stage.Path, 0o755); err != nil {
			return entry, err
		}

		if remembers {
			if have := soundLayout(o.Path, o.Names); have != "" {
				entry.Attrs[haveAttr] = have
			}
		}

		store, err := local.NewStore(o.stage.Path)
		if err != nil {
			return entry, err
		}

		entry.Type = client.ExporterOCI
		entry.Attrs["tar"] = "false"
		entry.OutputStore = store
	case OCITar, DockerTar:
		entry.Type = string(o.Type)
		entry.Output = func(map[string]string) (io.WriteCloser, error) {
			return os.OpenFile(o.stage.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		}
	case Registry:
		entry.Type = client.ExporterImage
		entry.Attrs["push"] = "true"

		if o.Insecure {
			entry.Attrs["registry.insecure"] = "true"
		}
	}

	set(entry.Attrs, o.Attrs)

	return entry, nil
}
