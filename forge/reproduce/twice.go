package reproduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Options say what to compare.
type Options struct {
	// Build says what to build and where. Outputs, Key and Engine.StateDir
	// are not used by Twice.
	Build forge.Options
	// Vary names the conditions to vary; see ParseConditions.
	Vary []string
	// Dir is where to build; empty means the user's cache directory. It needs
	// room for two builds from nothing.
	Dir string
	// Keep leaves the images and engines there.
	Keep bool
	// Insecure allows plain HTTP and unverified TLS for Against.
	Insecure bool
}

func (o *Options) logf(format string, args ...any) {
	if o.Build.Log != nil {
		fmt.Fprintf(o.Build.Log, format+"\n", args...)
	}
}

// Twice builds the targets two times from nothing and compares the images. An
// error means that no comparison was made; differences are in the report.
//
// With a remote builder (Options.Build.Engine.Builder) both builds run there,
// ignoring its cache. Then nothing is varied but the time, and differing files
// are attributed as Against does.
func Twice(ctx context.Context, o Options) (_ *Report, err error) {
	work, err := newWorkDir(o.Dir)
	if err != nil {
		return nil, err
	}

	work.keep = o.Keep
	defer func() { err = errors.Join(err, work.close()) }()

	r := &run{options: o, work: work}

	report, err := r.twice(ctx)
	if err == nil && o.Keep {
		o.logf("the images of both builds are in %s", work.path)
	}

	return report, err
}

// run is one call of Twice or Against.
type run struct {
	options Options
	work    *workDir
	// sides are the two builds; with Against the second only.
	sides [2]side
}

// side is one of the builds.
type side struct {
	name   string
	engine engine.Options
	out    string
	// fresh: the engine's cache must not serve.
	noCache bool
}

const (
	firstSide  = 0
	secondSide = 1
)

// pause is how much later than the first the second build begins at least, so
// that a time stamp of a step differs.
const pause = 2 * time.Second

func (r *run) twice(ctx context.Context) (*Report, error) {
	report := &Report{}

	for i, name := range []string{"first", "second"} {
		r.sides[i] = side{name: name, engine: r.options.Build.Engine, out: r.work.join(name + "-images")}
	}

	remote := r.options.Build.Engine.Builder

	if remote == "" {
		names, err := ParseConditions(r.options.Vary)
		if err != nil {
			return nil, err
		}

		for i := range r.sides {
			r.sides[i].engine.StateDir = r.work.join(r.sides[i].name, "engine")
		}

		r.sides[secondSide].engine.Conditions, report.Conditions = vary(names)

		order := notAsked("order")
		if slices.Contains(names, "order") {
			order = r.work.shuffle(ctx, r.work.join("second"))
		}

		report.Conditions = append(report.Conditions, order)
	} else {
		for i := range r.sides {
			r.sides[i].noCache = true
		}

		for _, name := range ConditionNames {
			report.Conditions = append(report.Conditions, Condition{Name: name, Note: "the steps run at " + remote})
		}
	}

	started := time.Now()

	for i := range r.sides {
		if i == secondSide {
			wait(ctx, time.Until(started.Add(pause)))
		}

		r.options.logf("the %s build", r.sides[i].name)

		if _, err := r.build(ctx, i, r.options.Build.Targets, r.options.Build.Platforms); err != nil {
			return nil, fmt.Errorf("the %s build: %w", r.sides[i].name, err)
		}
	}

	return report, r.platforms(func(platform ocispecs.Platform) error {
		g, err := r.options.Build.Graph(platform)
		if err != nil {
			return err
		}

		b := &blame{run: r, graph: g, platform: platform, known: map[*graph.Node]*output{}}

		for _, n := range g.Targets {
			image, err := b.image(ctx, n)
			if err != nil {
				return fmt.Errorf("comparing %s: %w", n.Name, err)
			}

			report.Images = append(report.Images, *image)
		}

		return nil
	})
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// platforms calls f for each platform that is built for.
func (r *run) platforms(f func(platform ocispecs.Platform) error) error {
	list := r.options.Build.Platforms
	if len(list) == 0 {
		list = []ocispecs.Platform{tree.Host()}
	}

	for _, p := range list {
		if err := f(p); err != nil {
			return err
		}
	}

	return nil
}

// build builds targets on one side and writes their images.
func (r *run) build(ctx context.Context, i int, targets []string, platforms []ocispecs.Platform) (*forge.Result, error) {
	s := r.sides[i]

	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of the images: %w", err)
	}

	o := r.options.Build
	o.Targets, o.Platforms, o.Engine, o.NoCache, o.Key = targets, platforms, s.engine, s.noCache || o.NoCache, ""
	o.Outputs = []forge.Output{{Type: engine.OCILayout, Dest: s.out}}

	return forge.Build(ctx, o)
}

// recipe is the file of a package, relative to the root of the tree.
func recipe(n *graph.Node) string { return path.Join(n.Dir, pkgtree.PackageFile) }
