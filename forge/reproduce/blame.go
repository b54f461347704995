package reproduce

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/reproduce/diff"
)

// blame finds the packages in which differences begin.
type blame struct {
	*run

	graph    *graph.Graph
	platform ocispecs.Platform
	// known are the comparisons that were made.
	known map[*graph.Node]*output
}

// output is what became of one package on both sides.
type output struct {
	first, second string // digests
	result        *diff.Result
}

// image compares a target, and says where differences come from.
func (b *blame) image(ctx context.Context, n *graph.Node) (*Image, error) {
	out, err := b.compare(ctx, n, true)
	if err != nil {
		return nil, err
	}

	image := newImage(n, out.first, out.second, out.result)
	if image.Verdict != Different {
		return image, nil
	}

	b.options.logf("%s differs; looking for the package in which that begins", n.Name)

	if b.options.Build.Engine.Builder != "" {
		image.Packages, err = b.attribute(ctx, n, out.result)

		return image, err
	}

	culprits, err := b.culprits(ctx, n, map[*graph.Node]bool{})
	if err != nil {
		return nil, err
	}

	for _, c := range culprits {
		image.Packages = append(image.Packages, Package{Name: c.Name, File: recipe(c), Result: *b.known[c].result})
	}

	return image, nil
}

// newImage judges a comparison.
func newImage(n *graph.Node, first, second string, result *diff.Result) *Image {
	image := &Image{Target: n.Name, Platform: formatPlatform(n.Platform), First: first, Second: second, Verdict: Different}

	switch {
	case result.Equal():
		image.Verdict = Identical
	case result.Explained():
		image.Verdict = Explained
	}

	for _, d := range result.Differences {
		if d.Known != "" {
			image.Known = append(image.Known, d)
		}
	}

	return image
}

// culprits are the packages, of those that n needs and itself, whose outputs
// differ while those of the packages that they need do not.
func (b *blame) culprits(ctx context.Context, n *graph.Node, visited map[*graph.Node]bool) ([]*graph.Node, error) {
	visited[n] = true

	out, err := b.compare(ctx, n, false)
	if err != nil || out.result.Explained() {
		return nil, err
	}

	var found []*graph.Node

	below := false

	from := n
	if recipe := n.RecipeNode(); recipe != nil {
		from = recipe // n is one of its outputs
	}

	for _, e := range from.Inputs() {
		if !b.reachable(e.Node) {
			continue
		}

		if known := b.known[e.Node]; visited[e.Node] {
			below = below || known != nil && !known.result.Explained()

			continue
		}

		deeper, err := b.culprits(ctx, e.Node, visited)
		if err != nil {
			return nil, err
		}

		below = below || len(deeper) > 0
		found = append(found, deeper...)
	}

	if !below {
		found = append(found, n)
	}

	return found, nil
}

// reachable says that a package can be built by its name, and that anything
// runs for it: what is only put together from locked packages can't differ.
func (b *blame) reachable(n *graph.Node) bool {
	if n == nil || n.Divided() || b.graph.Find(n.Name) != n {
		return false
	}

	return slices.ContainsFunc(b.graph.Closure(n.Name), func(n *graph.Node) bool { return len(n.Steps) > 0 || len(n.Install) > 0 })
}

// compare compares the outputs of a package. Those of targets are there; the
// others are taken from the engines' caches.
func (b *blame) compare(ctx context.Context, n *graph.Node, isTarget bool) (*output, error) {
	if known := b.known[n]; known != nil {
		return known, nil
	}

	var images [2]*publish.Target

	for i := range b.sides {
		var err error
		if images[i], err = b.open(ctx, i, n, isTarget); err != nil {
			return nil, err
		}
	}

	result, err := compareImages(ctx, images[firstSide], images[secondSide], b.work.path, false)
	if err != nil {
		return nil, err
	}

	b.known[n] = &output{images[firstSide].Digest().String(), images[secondSide].Digest().String(), result}

	return b.known[n], nil
}

// open opens a package's image on one side, after making it unless it is there.
func (b *blame) open(ctx context.Context, side int, n *graph.Node, there bool) (*publish.Target, error) {
	if !there {
		if err := b.export(ctx, side, n); err != nil {
			return nil, err
		}
	}

	image, err := publish.Open(ctx, "oci:"+b.sides[side].out+"/"+n.Name, publish.Options{})
	if err != nil {
		return nil, err
	}

	return image.ForPlatform(ctx, v1Platform(b.platform))
}

// export writes the image of a package that was built along with a target.
func (b *blame) export(ctx context.Context, side int, n *graph.Node) error {
	quiet := *b.run
	quiet.options.Build.Progress = progress.Quiet
	quiet.sides[side].noCache = false
	quiet.options.Build.NoCache = false

	_, err := quiet.build(ctx, side, []string{n.Name}, []ocispecs.Platform{b.platform})
	if err != nil {
		return fmt.Errorf("the %s build of %s: %w", b.sides[side].name, n.Name, err)
	}

	return nil
}

func v1Platform(p ocispecs.Platform) v1.Platform {
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}
