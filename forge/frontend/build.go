package frontend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Build is the frontend: it builds what the options of c ask for, or answers
// a subrequest. It is a gateway.BuildFunc.
func Build(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	r, err := newRequest(ctx, c)
	if err != nil {
		return nil, err
	}

	if result, ok, err := r.subrequest(ctx); ok || err != nil {
		return result, err
	}

	built, err := r.ui.Build(ctx, r.platform)
	if err != nil {
		return nil, err
	}

	return built.Finalize()
}

// request is one build.
type request struct {
	ui      *dockerui.Client
	client  gateway.Client
	context *buildContext
	files   *files
	self    self
}

func newRequest(ctx context.Context, c gateway.Client) (*request, error) {
	ui, err := dockerui.NewClient(c)
	if err != nil {
		return nil, fmt.Errorf("read the build's options: %w", err)
	}

	if err := errors.Join(capable(c), unsupported(ui)); err != nil {
		return nil, err
	}

	r := &request{ui: ui, client: c}

	if r.self, err = newSelf(ctx, ui); err != nil {
		return nil, err
	}

	if r.context, err = openContext(ctx, ui); err != nil {
		return nil, err
	}

	if r.files, err = r.context.open(ctx); err != nil {
		return nil, err
	}

	return r, r.checkRoot(ctx)
}

// checkRoot sees to it that the document that the client named as the build's
// definition is the root document of the tree.
func (r *request) checkRoot(ctx context.Context) error {
	named := r.client.BuildOpts().Opts["filename"]
	if named == "" {
		return nil
	}

	definition, err := r.ui.ReadEntrypoint(ctx, "YAML")
	if err != nil {
		return fmt.Errorf("read %s: %w", named, err)
	}

	for _, name := range []string{pkgtree.RootFile, pkgtree.PackageFile} {
		text, err := readFS(r.files, name)
		if err != nil {
			continue
		}

		if bytes.Equal(text, definition.Data) {
			return nil
		}

		return fmt.Errorf("%s is not the %s of the build context: the context must be the tree, "+
			"as in `docker buildx build -f TREE/%s TREE`", path.Base(named), name, name)
	}

	return nil // the tree itself says what is missing
}

// load loads the tree for a platform, nil means the builder's.
func (r *request) load(platform *ocispecs.Platform) (*tree.Tree, error) {
	opts := tree.Options{FS: r.files, Args: treeArgs(r.ui.BuildArgs)}

	if platform != nil {
		known, err := tree.ParsePlatform(tree.FormatPlatform(*platform))
		if err != nil {
			return nil, err
		}

		opts.Platform = known
	}

	return tree.Load(opts)
}

// platform builds the target for one platform.
func (r *request) platform(ctx context.Context, platform *ocispecs.Platform, _ int) (*dockerui.BuildResult, error) {
	t, err := r.load(platform)
	if err != nil {
		return nil, describe(err)
	}

	g, target, err := r.resolve(t)
	if err != nil {
		return nil, describe(err)
	}

	inputs, err := lower.Inputs(g, target)
	if err != nil {
		return nil, err
	}

	if err := r.self.check(inputs); err != nil {
		return nil, err
	}

	provide, err := r.providers(ctx, t)
	if err != nil {
		return nil, err
	}

	opts := lower.Options{
		HTTP: true, LocalID: r.client.BuildOpts().SessionID, CacheNamespace: r.ui.CacheIDNamespace, Provide: provide,
	}

	for _, n := range g.Packages() {
		if r.ui.IsNoCache(n.Name) {
			opts.NoCachePackages = append(opts.NoCachePackages, n.Name)
		}
	}

	lowered, err := lower.Lower(ctx, g, target, opts)
	if err != nil {
		return nil, err
	}

	ref, err := r.solve(ctx, lowered)
	if err != nil {
		return nil, err
	}

	image, err := imageOf(lowered.Image, r.ui.Labels)
	if err != nil {
		return nil, err
	}

	epoch := t.Epoch()

	return &dockerui.BuildResult{Reference: ref, Image: image, Epoch: &epoch}, nil
}

func (r *request) solve(ctx context.Context, lowered *lower.Result) (gateway.Reference, error) {
	if len(lowered.Definition.Def) == 0 {
		return nil, errors.New("the target's output is empty: there is nothing to build")
	}

	result, err := r.client.Solve(ctx, gateway.SolveRequest{
		Definition: lowered.Definition.ToPB(), CacheImports: r.ui.CacheImports,
	})
	if err != nil {
		return nil, err
	}

	return result.SingleRef()
}

// resolve finds the target and all that it needs.
func (r *request) resolve(t *tree.Tree) (*graph.Graph, string, error) {
	target := r.ui.Target
	if target == "" {
		var err error
		if target, err = defaultTarget(t); err != nil {
			return nil, "", err
		}
	}

	g, err := graph.Resolve(t, []string{target})

	return g, target, err
}

// defaultTarget is the only package that nothing depends on, or the only one of
// those that is an image.
func defaultTarget(t *tree.Tree) (string, error) {
	g, err := graph.Resolve(t, nil)
	if err != nil {
		return "", err
	}

	var names, images []string

	for _, n := range g.Targets {
		names = append(names, n.Name)

		if n.Image != nil {
			images = append(images, n.Name)
		}
	}

	switch {
	case len(names) == 1:
		return names[0], nil
	case len(images) == 1:
		return images[0], nil
	case len(names) == 0:
		return "", errors.New("the tree has no packages")
	default:
		slices.Sort(names)

		return "", fmt.Errorf("say which package to build with --target: nothing depends on any of %s", strings.Join(names, ", "))
	}
}

// imageOf is the image configuration as the exporter takes it, with the labels
// that the client adds.
func imageOf(config ocispecs.Image, labels map[string]string) (*dockerspec.DockerOCIImage, error) {
	if len(labels) > 0 {
		all := maps.Clone(config.Config.Labels)
		maps.Copy(all, labels)
		config.Config.Labels = all
	}

	// Both types have the same form; this one has some fields more.
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write the image configuration: %w", err)
	}

	var image dockerspec.DockerOCIImage
	if err := json.Unmarshal(data, &image); err != nil {
		return nil, fmt.Errorf("write the image configuration: %w", err)
	}

	return &image, nil
}

// frontendCaps are the abilities that a client may ask of a frontend, as in
// the image's label moby.buildkit.frontend.caps.
var frontendCaps = []string{
	"moby.buildkit.frontend.inputs", "moby.buildkit.frontend.subrequests", "moby.buildkit.frontend.contexts",
}

// capable sees to it that builder, client and frontend fit together.
func capable(c gateway.Client) error {
	opts := c.BuildOpts()

	if err := opts.LLBCaps.Supports(pb.CapMergeOp); err != nil {
		return fmt.Errorf("package trees need BuildKit 0.10, which Docker has from version 23 on: %w", err)
	}

	for wanted := range strings.SplitSeq(opts.Opts["frontend.caps"], ",") {
		name, _, _ := strings.Cut(wanted, "+")
		if name != "" && !slices.Contains(frontendCaps, name) {
			return fmt.Errorf("the client wants %s of the frontend, which it lacks", name)
		}
	}

	return nil
}

// unsupported refuses options that would change what steps see.
func unsupported(ui *dockerui.Client) error {
	var names []string

	for name, set := range map[string]bool{
		"--add-host":                len(ui.ExtraHosts) > 0,
		"--network":                 ui.NetworkMode != pb.NetMode_UNSET,
		"--shm-size":                ui.ShmSize != 0,
		"--ulimit":                  len(ui.Ulimits) > 0,
		"--cgroup-parent":           ui.CgroupParent != "",
		"--memory and --cpu-*":      ui.LinuxResources != nil,
		"--sbom":                    ui.SBOM != nil,
		"BUILDKIT_SANDBOX_HOSTNAME": ui.Hostname != "",
	} {
		if set {
			names = append(names, name)
		}
	}

	if len(names) == 0 {
		return nil
	}

	slices.Sort(names)

	return fmt.Errorf("a package tree can't be built with %s: its recipes alone say what steps see; "+
		"`akmon build` attaches an SBOM by itself", strings.Join(names, ", "))
}
