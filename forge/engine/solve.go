package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/entitlements"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// Solve builds the images of the request and writes its exports.
//
// Exports appear only when the whole solve went well; otherwise nothing is
// changed. When ctx ends, running steps are killed, and Solve returns when
// they are gone. Errors: a StepError if a step failed, a DiskFullError if
// there was no room, otherwise what went wrong in words.
func (e *Engine) Solve(ctx context.Context, request Request) (_ *Result, err error) {
	started := time.Now()

	g, err := request.readGraph()
	if err != nil {
		return nil, err
	}

	outputs, err := e.stage(request)
	if err != nil {
		return nil, err
	}

	defer func() { err = errors.Join(err, outputs.discard()) }()

	opt := client.SolveOpt{
		Ref:         identity.NewID(),
		Exports:     outputs.entries,
		LocalMounts: request.LocalDirs,
		OCIStores:   request.OCIStores,
		Session:     []session.Attachable{credentials{}},
		// A record in the history of builds is of use in a daemon only.
		Internal:     e.embedded != nil,
		CacheImports: cacheOptions(request.CacheFrom),
		CacheExports: cacheOptions(request.CacheTo),
	}

	if g.hostNetwork {
		opt.AllowedEntitlements = append(opt.AllowedEntitlements, string(entitlements.EntitlementNetworkHost))
	}

	recorder := &progress.Recorder{}

	response, err := e.run(ctx, opt, request, recorder)
	if err != nil {
		return nil, e.explain(ctx, err, recorder, outputs.dirs())
	}

	if e.embedded != nil {
		if problem := e.embedded.log.problem(opt.Ref); problem != "" {
			return nil, e.explain(ctx, fmt.Errorf("writing the image: %s", problem), recorder, outputs.dirs())
		}
	}

	result := &Result{Steps: recorder.Steps()}
	result.count(g)

	if err := result.describe(response); err != nil {
		return nil, err
	}

	if err := outputs.commit(result); err != nil {
		return nil, diskFull(err, outputs.dirs()...)
	}

	result.Elapsed = time.Since(started)

	return result, nil
}

// run sends the graphs and follows the progress until the builder is done.
func (e *Engine) run(ctx context.Context, opt client.SolveOpt, request Request, recorder *progress.Recorder) (*client.SolveResponse, error) {
	var response *client.SolveResponse

	statuses := make(chan *client.SolveStatus)
	group := errgroup.Group{}

	group.Go(func() (err error) {
		response, err = e.client.Build(ctx, opt, "akmon", request.build, statuses)

		return err
	})

	group.Go(func() error {
		for status := range statuses {
			recorder.Update(status)

			if request.Progress != nil {
				request.Progress.Update(status)
			}
		}

		return nil
	})

	err := group.Wait()

	if err != nil && e.embedded != nil {
		// The solver answers before the containers of cancelled steps are
		// gone. (Other solves of this engine delay this one; rather that than
		// a container left behind.)
		e.embedded.waitIdle(stopPatience)
	}

	return response, err
}

// build is the gateway client: it names the graphs, and says which image
// configuration goes with which.
func (r Request) build(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	result := gateway.NewResult()

	if len(r.Images) == 1 {
		image := r.Images[0]

		ref, err := r.solveOne(ctx, c, image)
		if err != nil {
			return nil, err
		}

		config, err := image.config()
		if err != nil {
			return nil, err
		}

		result.SetRef(ref)
		result.AddMeta(exptypes.ExporterImageConfigKey, config)

		return result, nil
	}

	var list exptypes.Platforms

	for _, image := range r.Images {
		platform := image.platform()
		id := platforms.FormatAll(platform)

		if _, ok := result.Refs[id]; ok {
			return nil, fmt.Errorf("two images for the platform %s", id)
		}

		ref, err := r.solveOne(ctx, c, image)
		if err != nil {
			return nil, err
		}

		config, err := image.config()
		if err != nil {
			return nil, err
		}

		result.AddRef(id, ref)
		result.AddMeta(exptypes.ExporterImageConfigKey+"/"+id, config)

		list.Platforms = append(list.Platforms, exptypes.Platform{ID: id, Platform: platform})
	}

	data, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("naming the platforms: %w", err)
	}

	result.AddMeta(exptypes.ExporterPlatformsKey, data)

	return result, nil
}

// solveOne hands in one graph. It is evaluated with all others at the end, so
// that they run side by side.
func (r Request) solveOne(ctx context.Context, c gateway.Client, image Image) (gateway.Reference, error) {
	definition := image.Definition
	if r.NoCache {
		definition = withoutCache(definition)
	}

	result, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB()})
	if err != nil {
		return nil, err
	}

	return result.SingleRef()
}

// withoutCache marks every step of the graph to be run. Inputs are left alone:
// they are looked at anyway.
func withoutCache(def *llb.Definition) *llb.Definition {
	out := *def
	out.Metadata = maps.Clone(def.Metadata)

	for _, data := range def.Def {
		var op pb.Op
		if op.UnmarshalVT(data) != nil || op.GetSource() != nil {
			continue
		}

		d := digest.FromBytes(data)
		md := out.Metadata[d]
		md.IgnoreCache = true
		out.Metadata[d] = md
	}

	return &out
}

// sourceKind tells sources that are read in every build from those that are
// fetched once.
func sourceKind(identifier string) kind {
	if strings.HasPrefix(identifier, "local://") || strings.HasPrefix(identifier, "oci-layout://") {
		return kindInput
	}

	return kindFetch
}

// count fills in Executed and Cached.
func (r *Result) count(g graph) {
	for _, step := range r.Steps {
		switch g.kinds[digest.Digest(step.Digest)] {
		case kindStep, kindFetch:
		default:
			continue
		}

		switch {
		case step.Cached:
			r.Cached++
		case step.Completed != nil:
			r.Executed++
		}
	}
}

// describe reads the exporter's answer.
func (r *Result) describe(response *client.SolveResponse) error {
	r.Digest = response.ExporterResponse[exptypes.ExporterImageDigestKey]

	text := response.ExporterResponse[exptypes.ExporterImageDescriptorKey]
	if text == "" {
		return nil
	}

	data, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &r.Descriptor)
	}

	if err != nil {
		return fmt.Errorf("reading the builder's answer: %w", err)
	}

	// The time of the export is no property of the image.
	r.Descriptor.Annotations = nil

	return nil
}

func cacheOptions(caches []Cache) []client.CacheOptionsEntry {
	entries := make([]client.CacheOptionsEntry, 0, len(caches))
	for _, c := range caches {
		entries = append(entries, client.CacheOptionsEntry{Type: c.Type, Attrs: maps.Clone(c.Attrs)})
	}

	return slices.Clip(entries)
}
