package lower

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Options change how a graph is lowered.
type Options struct {
	// Epoch overrides the tree's.
	Epoch time.Time
	// NoCache makes every instruction run again.
	NoCache bool
	// NoCachePackages makes every instruction of these packages run again.
	NoCachePackages []string
	// HTTP makes BuildKit download URL sources itself. It checks the SHA-256
	// alone.
	HTTP bool
	// Group shows each package as one line of progress.
	Group bool
	// CacheNamespace begins the names of cache mounts, so that builds that
	// must not share them do not.
	CacheNamespace string
	// LocalID tells the local inputs of this build from those of others that
	// a shared BuildKit may be solving at the same time; it must then be
	// unique, such as the session's ID, because BuildKit takes operations
	// with the same bytes for one. It is part of the definition, so that
	// the empty default keeps definitions the same from run to run.
	LocalID string
	// Debian gives the reference, in OCI store "bootstrap", of the root file
	// system that a lock file pins; lock is relative to the root of the
	// tree. It may be nil when no package of the target has such a
	// dependency. It is called from several goroutines.
	Debian func(lock string, platform ocispecs.Platform) (ref string, err error)
	// Image gives the reference, in OCI store "images", of a registry's image;
	// with nil, BuildKit pulls images itself. It is called from several
	// goroutines.
	Image func(ref string, platform ocispecs.Platform) (stored string, err error)
	// AlpineImage is the base of the alpine variant; [AlpineImage] when
	// empty.
	AlpineImage string
	// Provide puts other inputs in the place of the caller's.
	Provide Providers
}

// AlpineImage is the base of packages with the alpine variant.
const AlpineImage = "docker.io/library/alpine:3.22"

// Result is a lowered target.
type Result struct {
	State      llb.State
	Definition *llb.Definition
	// Platform is what the target is for.
	Platform ocispecs.Platform
	// Image is the configuration of the image that it becomes; its rootfs
	// is left to the exporter.
	Image ocispecs.Image
	// Inputs is what the build needs.
	Inputs *InputSet
}

// Lower compiles one package of the graph, and all that it needs.
func Lower(ctx context.Context, g *graph.Graph, target string, opts Options) (*Result, error) {
	n := g.Find(target)
	if n == nil {
		return nil, notFound(g, target)
	}

	inputs, err := Inputs(g, target)
	if err != nil {
		return nil, err
	}

	l := newLowering(g, opts, n.BuildPlatform)

	if err := l.all(ctx, g.Closure(target)); err != nil {
		return nil, err
	}

	state := l.lowered[n].state

	def, err := definition(state.Output(), l.constraints)
	if err != nil {
		return nil, fmt.Errorf("marshal the build of %s: %w", target, err)
	}

	return &Result{
		State: state, Definition: def, Platform: n.Platform,
		Image: imageConfig(n, l.opts.Epoch), Inputs: inputs,
	}, nil
}

// pkg is one node while it is lowered.
type pkg struct {
	*graph.Node

	l      *lowering
	m      *marshaller
	tag    string // names the package in the progress; made by named
	source *llb.SourceMap
	// dir holds the package directory, at dirPath.
	dir     *llb.State
	dirPath string
}

// node gives the output of a package, and the build that it is taken from.
func (l *lowering) node(n *graph.Node, m *marshaller) (output, built llb.State, err error) {
	p := &pkg{Node: n, l: l, m: m, source: l.sources[n.File]}

	if recipe := n.RecipeNode(); recipe != nil {
		output, err = p.output(recipe)

		return output, llb.Scratch(), err
	}

	base, err := p.base()
	if err != nil {
		return llb.State{}, llb.State{}, err
	}

	root, err := p.dependencies(base)
	if err != nil {
		return llb.State{}, llb.State{}, err
	}

	if passesThrough(n) {
		return root, root, nil
	}

	p.directory()

	root = p.environment(root)
	root = p.alpinePackages(root)
	root = p.copyDirectory(root)

	for i := range p.Steps {
		root, err = p.step(root, i)
		if err != nil {
			return llb.State{}, llb.State{}, err
		}
	}

	return p.finalize(root), root, nil
}

// output takes one more output from the build of a recipe.
func (p *pkg) output(recipe *graph.Node) (llb.State, error) {
	if _, err := p.l.wait(recipe); err != nil {
		return llb.State{}, errNeeded
	}

	p.directory()

	return p.finalize(p.l.lowered[recipe].built), nil
}

// passesThrough tells whether the output is the dependencies themselves.
func passesThrough(n *graph.Node) bool {
	return !n.Tree.Compatible() && len(n.Steps) == 0 && len(n.Install) == 0 && n.Tree.VariantOf(n.Package) == pkgtree.Scratch &&
		len(n.Finalize) == 1 && n.Finalize[0].From == "/" && n.Finalize[0].To == "/"
}

// environment gives root the variables and the directory of every step.
func (p *pkg) environment(root llb.State) llb.State {
	env := p.Tree.Env()
	env["PKG_NAME"] = p.Name
	env["SOURCE_DATE_EPOCH"] = strconv.FormatInt(p.l.opts.Epoch.Unix(), 10)

	root = root.Platform(p.BuildPlatform).Dir(pkgDir)

	for _, name := range slices.Sorted(maps.Keys(env)) {
		root = root.AddEnv(name, env[name])
	}

	return root
}

// finalize makes the output: one layer, whatever the number of copies.
func (p *pkg) finalize(root llb.State) llb.State {
	if len(p.Finalize) == 0 {
		return llb.Scratch()
	}

	var (
		action *llb.FileAction
		opts   []llb.ConstraintsOpt
	)

	for _, f := range p.Finalize {
		from, path := root, f.From

		if below, inside := cutDir(path, pkgDir); inside && !p.Tree.Compatible() {
			if p.dir != nil {
				from, path = *p.dir, joinDir(p.dirPath, below)
			} else {
				from = llb.Scratch().File(llb.Mkdir(pkgDir, 0o755, llb.WithCreatedTime(p.l.opts.Epoch)), p.named("empty package directory")...)
			}
		}

		info := &llb.CopyInfo{
			CopyDirContentsOnly: true, CreateDestPath: true, FollowSymlinks: true,
			ChownOpt: rootOwner(), CreatedTime: &p.l.opts.Epoch,
		}

		if action == nil {
			action = llb.Copy(from, path, f.To, info)
		} else {
			action = action.Copy(from, path, f.To, info)
		}

		opts = append(opts, p.location(f.Pos, f.Pos))
	}

	opts = append(opts, p.named("finalize")...)

	return llb.Scratch().Platform(p.BuildPlatform).File(action, opts...)
}
