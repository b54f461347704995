package lower

import (
	"maps"
	"slices"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// imageConfig is the configuration of the image that a package becomes
// (image-spec v1.1, config.md). Labels: what the recipe says of the package,
// overridden by the root document's, overridden by the recipe's image.
func imageConfig(n *graph.Node, epoch time.Time) ocispecs.Image {
	labels := map[string]string{ocispecs.AnnotationTitle: n.Name}

	for label, value := range map[string]string{
		ocispecs.AnnotationVersion:     n.Version,
		ocispecs.AnnotationLicenses:    pkgtree.LicenseExpression(n.Licenses),
		ocispecs.AnnotationURL:         n.Homepage,
		ocispecs.AnnotationDescription: n.Description,
	} {
		if value != "" {
			labels[label] = value
		}
	}

	maps.Copy(labels, n.Tree.Root.Labels)

	config := ocispecs.ImageConfig{Labels: labels}

	if image := n.Package.Image; image != nil {
		maps.Copy(labels, image.Labels)

		config.Entrypoint, config.Cmd = image.Entrypoint, image.Cmd
		config.User, config.WorkingDir = image.User, image.Workdir

		for _, name := range slices.Sorted(maps.Keys(image.Env)) {
			config.Env = append(config.Env, name+"="+image.Env[name])
		}
	}

	return ocispecs.Image{
		Created:  &epoch,
		Platform: n.Platform,
		Config:   config,
		RootFS:   ocispecs.RootFS{Type: "layers"},
		History:  history(n, epoch),
	}
}

// history says where the layer of an image comes from. BuildKit would say it as
// well, but in other words where the layer was taken from a cache: the digest
// must not depend on that. Of a package that passes its dependencies on, the
// number of layers is not known, and the exporter has the word.
func history(n *graph.Node, epoch time.Time) []ocispecs.History {
	if passesThrough(n) {
		return nil
	}

	return []ocispecs.History{{Created: &epoch, CreatedBy: "akmon build " + n.Name}}
}
