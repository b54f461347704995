package reproduce

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/contents"
	"github.com/akmon-os/akmon/forge/reproduce/diff"
	"github.com/akmon-os/akmon/forge/tree"
)

// Against builds the targets as `akmon build` does and compares their images
// with published ones. In ref, {target} stands for a target's name, which it
// must have if there are several targets; see publish.Open for its forms. Only
// the platforms that are built for are compared.
func Against(ctx context.Context, o Options, ref string) (_ *Report, err error) {
	work, err := newWorkDir(o.Dir)
	if err != nil {
		return nil, err
	}

	work.keep = o.Keep
	defer func() { err = errors.Join(err, work.close()) }()

	r := &run{options: o, work: work}
	r.sides[secondSide] = side{name: "local", engine: o.Build.Engine, out: work.join("images")}

	report := &Report{}
	built := false

	return report, r.platforms(func(platform ocispecs.Platform) error {
		g, err := o.Build.Graph(platform)
		if err != nil {
			return err
		}

		if len(g.Targets) > 1 && !strings.Contains(ref, "{target}") {
			return fmt.Errorf("there are %d targets; write {target} in %q in place of the name", len(g.Targets), ref)
		}

		// A reference that can't be opened is found out before the build.
		published := map[*graph.Node]*publish.Target{}

		for _, n := range g.Targets {
			if published[n], err = r.published(ctx, strings.ReplaceAll(ref, "{target}", n.Name), platform); err != nil {
				return err
			}
		}

		if !built {
			if _, err := r.build(ctx, secondSide, o.Build.Targets, o.Build.Platforms); err != nil {
				return err
			}

			built = true
		}

		b := &blame{run: r, graph: g, platform: platform, known: map[*graph.Node]*output{}}

		for _, n := range g.Targets {
			image, err := b.against(ctx, n, published[n])
			if err != nil {
				return fmt.Errorf("comparing %s: %w", n.Name, err)
			}

			report.Images = append(report.Images, *image)
		}

		return nil
	})
}

func (r *run) published(ctx context.Context, ref string, platform ocispecs.Platform) (*publish.Target, error) {
	t, err := publish.Open(ctx, ref, publish.Options{Insecure: r.options.Insecure})
	if err != nil {
		return nil, err
	}

	return t.ForPlatform(ctx, v1Platform(platform))
}

func (b *blame) against(ctx context.Context, n *graph.Node, published *publish.Target) (*Image, error) {
	local, err := b.open(ctx, secondSide, n, true)
	if err != nil {
		return nil, err
	}

	result, err := compareImages(ctx, published, local, b.work.path, true)
	if err != nil {
		return nil, err
	}

	image := newImage(n, published.Digest().String(), local.Digest().String(), result)
	if image.Verdict == Different {
		image.Packages, err = b.attribute(ctx, n, result)
	}

	return image, err
}

// attribute groups differences by the package that the differing file comes
// from: the first one, in the order in which they build, whose output has a
// file with the content that the second side has; else one of the same name.
// Differences that no other package accounts for are the target's.
func (b *blame) attribute(ctx context.Context, target *graph.Node, result *diff.Result) ([]Package, error) {
	sums, paths := map[string]*graph.Node{}, map[string]*graph.Node{}

	for _, d := range result.Differences {
		for _, f := range d.Files {
			sums[f.Second], paths[f.Path] = nil, nil
		}
	}

	// Empty files and files that are not there tell nothing.
	delete(sums, "")

	for _, n := range b.graph.Closure(target.Name) {
		if n == target || !b.reachable(n) {
			continue
		}

		image, err := b.open(ctx, secondSide, n, false)
		if err != nil {
			return nil, err
		}

		found, err := contents.Read(ctx, image)
		if err != nil {
			return nil, fmt.Errorf("listing the files of %s: %w", n.Name, err)
		}

		for _, f := range found.Files {
			if first, wanted := sums[f.SHA256]; wanted && first == nil {
				sums[f.SHA256] = n
			}

			name := strings.TrimPrefix(f.Path, "/")
			if first, wanted := paths[name]; wanted && first == nil {
				paths[name] = n
			}
		}
	}

	groups := map[*graph.Node]*diff.Result{}

	for _, d := range result.Differences {
		if d.Known != "" {
			continue
		}

		n := owner(d, target, sums, paths)
		if groups[n] == nil {
			groups[n] = &diff.Result{}
		}

		groups[n].Differences = append(groups[n].Differences, d)
	}

	var packages []Package

	for _, n := range b.graph.Closure(target.Name) {
		if g := groups[n]; g != nil {
			packages = append(packages, Package{Name: n.Name, File: recipe(n), Result: *g})
		}
	}

	if len(packages) > 0 {
		packages[len(packages)-1].Omitted = result.Omitted
	}

	return packages, nil
}

// owner is the package of a difference: that of the innermost file that any
// package has.
func owner(d diff.Difference, target *graph.Node, sums, paths map[string]*graph.Node) *graph.Node {
	for _, f := range slices.Backward(d.Files) {
		if n := sums[f.Second]; n != nil {
			return n
		}
	}

	for _, f := range slices.Backward(d.Files) {
		if n := paths[path.Clean(f.Path)]; n != nil {
			return n
		}
	}

	return target
}

func formatPlatform(p ocispecs.Platform) string { return tree.FormatPlatform(p) }
