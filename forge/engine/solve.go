package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
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

	result, err := e.passes(ctx, g, request, outputs)
	if err != nil {
		return nil, err
	}

	if result.Executed > 0 {
		e.grown.Store(true)
	}

	if err := outputs.commit(result); err != nil {
		return nil, diskFull(err, outputs.dirs()...)
	}

	result.Elapsed = time.Since(started)

	return result, nil
}

// passes solves the request once per export. BuildKit writes the exports of one
// solve at the same time and is not safe in that: two of them may turn the same
// layer from writable to immutable. Later passes find every step cached.
func (e *Engine) passes(ctx context.Context, g graph, request Request, outputs *outputs) (*Result, error) {
	var result *Result

	for i := range max(1, len(outputs.list)) {
		opt := client.SolveOpt{
			Ref:         identity.NewID(),
			LocalMounts: request.LocalDirs,
			OCIStores:   request.OCIStores,
			Session:     append([]session.Attachable{credentials{}}, request.Attach...),
			// A record in the history of builds is of use in a daemon only.
			Internal:     e.embedded != nil,
			CacheImports: cacheOptions(request.CacheFrom),
			// The client writes into it.
			FrontendAttrs: map[string]string{},
		}

		if len(outputs.list) > 0 {
			opt.Exports = []client.ExportEntry{outputs.list[i].entry}
		}

		if g.hostNetwork {
			opt.AllowedEntitlements = []string{string(entitlements.EntitlementNetworkHost)}
		}

		if i == 0 {
			opt.CacheExports = cacheOptions(request.CacheTo)
		} else {
			request.NoCache = false
		}

		recorder := &progress.Recorder{}

		response, err := e.run(ctx, opt, request, recorder)
		if err == nil && e.embedded != nil {
			err = e.embedded.log.problem(opt.Ref)
		}

		if err != nil {
			return nil, e.explain(ctx, err, recorder, outputs.dirs())
		}

		if result == nil {
			result = &Result{Steps: recorder.Steps()}
			result.count(g)
		}

		if err := result.describe(response); err != nil {
			return nil, err
		}

		if err := e.note(response.ExporterResponse, outputs, i); err != nil {
			return nil, diskFull(err, e.StateDir())
		}
	}

	return result, nil
}

// note takes down which image the result was written as, or that it needed no
// writing.
func (e *Engine) note(response map[string]string, outputs *outputs, i int) error {
	switch {
	case e.embedded == nil || i >= len(outputs.list):
		return nil
	case response[unchangedKey] != "":
		outputs.list[i].unchanged = true

		return nil
	default:
		return e.embedded.remember(response)
	}
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
		err = errors.Join(err, e.embedded.dropFailed(context.WithoutCancel(ctx)))
	}

	return response, err
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
	text := response.ExporterResponse[exptypes.ExporterImageDescriptorKey]
	if text == "" {
		return nil // this export makes no image
	}

	r.Digest = response.ExporterResponse[exptypes.ExporterImageDigestKey]

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
