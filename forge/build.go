package forge

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/moby/buildkit/identity"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// Result is what a build gave.
type Result struct {
	Targets []TargetResult `json:"targets"`
	// Executed and Cached count the steps that ran and that an earlier result
	// stood in for. Executed is 0 when nothing had changed.
	Executed int `json:"executed"`
	Cached   int `json:"cached"`
	// Packages is the time that each package's steps took, the longest first.
	Packages []PackageTime `json:"packages,omitempty"`
	// Seconds is the time of the whole build.
	Seconds float64 `json:"seconds"`
}

// TargetResult is one target of a build.
type TargetResult struct {
	Name      string   `json:"name"`
	Platforms []string `json:"platforms"`
	// Digest is that of the image's manifest or index, where one was made.
	Digest string `json:"digest,omitempty"`
	// Outputs are the paths and references that were written.
	Outputs []string `json:"outputs,omitempty"`
	Signed  bool     `json:"signed,omitempty"`
}

// target is a package to build for one or several platforms.
type target struct {
	name   string
	nodes  []*graph.Node
	graphs []*graph.Graph // of the nodes
	inputs []*inputs      // of the graphs
	image  engine.Request
}

// Build builds the targets, writes the outputs, signs and describes images.
// Either every output of a target is complete or none is there. With KeepGoing
// there is a result beside a FailuresError: that of the targets that were
// built.
func Build(ctx context.Context, o Options) (*Result, error) {
	start := time.Now()

	if o.KeepGoing && o.NoCache {
		return nil, errors.New("a build that keeps going finds in the cache what it did before; it can't be one without")
	}

	key, err := o.signingKey()
	if err != nil {
		return nil, err
	}

	done, err := o.useStore(ctx)
	if err != nil {
		return nil, err
	}
	defer done()

	targets, epoch, err := o.prepare(ctx)
	if err != nil {
		return nil, err
	}

	if err := o.checkCaches(len(targets)); err != nil {
		return nil, err
	}

	o.Engine.Log = func(message string) { o.logf("%s", message) }

	e, err := engine.Open(ctx, o.Engine)
	if err != nil {
		return nil, err
	}

	w, err := o.watch(start)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}

	result, err := o.solve(ctx, e, targets, key, epoch, w)
	w.close()

	if result != nil {
		result.Seconds = time.Since(start).Seconds()
	}

	return result, errors.Join(err, e.Close(), w.timings(names(targets), err))
}

func names(targets []*target) []string {
	list := make([]string, len(targets))
	for i, t := range targets {
		list[i] = t.name
	}

	return list
}

func (o *Options) signingKey() (crypto.Signer, error) {
	if err := checkSigning(o.Outputs, o.Key); err != nil {
		return nil, err
	}

	if o.Key == "" {
		return nil, nil
	}

	return readKey(o.Key)
}

// prepare loads, resolves, fetches and lowers for every platform.
func (o *Options) prepare(ctx context.Context) ([]*target, time.Time, error) {
	var (
		targets []*target
		byName  = map[string]*target{}
		epoch   time.Time
	)

	local := o.localID()

	for _, platform := range o.platforms() {
		g, err := o.Graph(platform)
		if err != nil {
			return nil, epoch, err
		}

		if err := o.checkAsked(g); err != nil {
			return nil, epoch, err
		}

		in, err := o.fetch(ctx, g, false)
		if err != nil {
			return nil, epoch, err
		}

		in.local = local
		epoch = g.Tree.Epoch()

		for _, node := range g.Targets {
			t := byName[node.Name]
			if t == nil {
				t = &target{name: node.Name}
				byName[node.Name] = t
				targets = append(targets, t)
			}

			if err := t.add(ctx, g, node, in, lower.Options{NoCache: o.NoCache, LocalID: in.local}); err != nil {
				return nil, epoch, err
			}
		}
	}

	return targets, epoch, nil
}

// localID tells the local sources of this build from those of others, which may
// build with the same BuildKit at the same time.
func (o *Options) localID() string {
	if o.Engine.Builder == "" {
		return ""
	}

	return identity.NewID()
}

// add lowers the target for one more platform.
func (t *target) add(ctx context.Context, g *graph.Graph, node *graph.Node, in *inputs, opts lower.Options) error {
	opts.Debian, opts.Image = in.ref, in.storedImage

	lowered, err := lower.Lower(ctx, g, node.Name, opts)
	if err != nil {
		return err
	}

	config, err := json.Marshal(lowered.Image)
	if err != nil {
		return fmt.Errorf("write the image configuration of %s: %w", node.Name, err)
	}

	dirs, err := in.localDirs()
	if err != nil {
		return err
	}

	stores, err := in.ociStores()
	if err != nil {
		return err
	}

	t.nodes, t.graphs, t.inputs = append(t.nodes, node), append(t.graphs, g), append(t.inputs, in)
	t.image.Images = append(t.image.Images, engine.Image{
		Definition: lowered.Definition, Platform: lowered.Platform, Config: config,
	})

	if t.image.LocalDirs == nil {
		t.image.LocalDirs, t.image.OCIStores = dirs, stores

		return nil
	}

	for name, dir := range dirs {
		t.image.LocalDirs[name] = dir
	}

	for name, store := range stores {
		if have, ok := t.image.OCIStores[name].(layouts); ok {
			have.all = append(have.all, store.(layouts).all...)
			store = have
		}

		t.image.OCIStores[name] = store
	}

	return nil
}

// solve builds all targets at once: what they share is built once.
func (o *Options) solve(ctx context.Context, e *engine.Engine, targets []*target, key crypto.Signer, epoch time.Time, w *watch) (*Result, error) {
	var err error
	if w.attach, err = o.attachables(); err != nil {
		return nil, err
	}

	w.follow(targets)

	good := targets

	var failures error

	if o.KeepGoing {
		if good, failures = o.everyPackage(ctx, e, targets, w, epoch); failures != nil && good == nil {
			return nil, w.done(failures)
		}
	}

	r, err := o.write(ctx, e, good, key, epoch, w)
	if r != nil && o.KeepGoing {
		r.countSteps(w.steps())
	}

	return r, w.done(errors.Join(failures, err))
}

// write solves the targets and writes their outputs.
func (o *Options) write(ctx context.Context, e *engine.Engine, targets []*target, key crypto.Signer, epoch time.Time, w *watch) (*Result, error) {
	results := make([]TargetResult, len(targets))
	solved := make([]*engine.Result, len(targets))
	group, ctx := errgroup.WithContext(ctx)

	for i, t := range targets {
		request := t.image
		request.Epoch, request.NoCache, request.Attach = &epoch, o.NoCache, w.attach
		request.CacheFrom, request.CacheTo = cachesOf(o.CacheFrom, t.name), cachesOf(o.CacheTo, t.name)
		request.Progress = w.target(t.name, t.image)

		group.Go(func() error {
			for _, output := range o.Outputs {
				export, err := output.export(t.name, t.tag())
				if err != nil {
					return err
				}

				request.Exports = append(request.Exports, export)
			}

			var err error
			if solved[i], err = e.Solve(ctx, request); err != nil {
				return fmt.Errorf("build %s: %w", t.name, err)
			}

			w.ran(t.name, solved[i])

			results[i], err = o.publish(ctx, t, solved[i], key, epoch)

			return err
		})
	}

	if err := group.Wait(); err != nil {
		return nil, err
	}

	r := &Result{Targets: results}
	r.count(solved, w.steps())

	return r, nil
}

// tag names the target's image where a form keeps names.
func (t *target) tag() string {
	if v := t.nodes[0].Version; v != "" {
		return v
	}

	return "latest"
}

func (t *target) platforms() []string {
	names := make([]string, len(t.nodes))
	for i, n := range t.nodes {
		names[i] = tree.FormatPlatform(n.Platform)
	}

	return names
}

// ParsePlatforms reads a list such as linux/amd64,linux/arm64.
func ParsePlatforms(list []string) ([]ocispecs.Platform, error) {
	var platforms []ocispecs.Platform

	for _, text := range list {
		p, err := tree.ParsePlatform(text)
		if err != nil {
			return nil, err
		}

		platforms = append(platforms, p)
	}

	return platforms, nil
}
