package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// kind classes a vertex by what it means for "did anything run".
type kind int

const (
	kindInput kind = iota + 1 // looked at in every build
	kindFetch                 // fetched unless cached
	kindStep                  // runs unless cached
)

// graph is what the definitions say about their vertices.
type graph struct {
	kinds map[digest.Digest]kind
	// hostNetwork: a step asks for the host's network by name, which a
	// builder has to be asked for.
	hostNetwork bool
}

// readGraph parses all definitions of the request.
func (r Request) readGraph() (graph, error) {
	g := graph{kinds: map[digest.Digest]kind{}}

	if len(r.Images) == 0 {
		return g, errors.New("nothing to solve: the request has no image")
	}

	for _, image := range r.Images {
		if image.Definition == nil || len(image.Definition.Def) == 0 {
			return g, errors.New("nothing to solve: the graph is empty")
		}

		for _, data := range image.Definition.Def {
			var op pb.Op
			if err := op.UnmarshalVT(data); err != nil {
				return g, fmt.Errorf("reading the graph: %w", err)
			}

			g.add(digest.FromBytes(data), &op)
		}
	}

	return g, nil
}

func (g *graph) add(d digest.Digest, op *pb.Op) {
	switch op := op.Op.(type) {
	case *pb.Op_Source:
		g.kinds[d] = sourceKind(op.Source.Identifier)
	case *pb.Op_Exec:
		g.kinds[d] = kindStep
		g.hostNetwork = g.hostNetwork || op.Exec.Network == pb.NetMode_HOST
	case *pb.Op_File, *pb.Op_Merge, *pb.Op_Diff, *pb.Op_Build:
		g.kinds[d] = kindStep
	}
}

// MarkInputs sets Input in those of the steps that the request's graphs have
// and that are looked at in every build. Other steps are left alone.
func (r Request) MarkInputs(steps []progress.Step) {
	g, err := r.readGraph()
	if err != nil {
		return // a graph that can't be read was not solved
	}

	for i := range steps {
		steps[i].Input = steps[i].Input || g.kinds[digest.Digest(steps[i].Digest)] == kindInput
	}
}

// sourceKind tells sources that are read in every build from those that are
// fetched once.
func sourceKind(identifier string) kind {
	for _, scheme := range []string{"local://", "oci-layout://", "docker-image://"} {
		if strings.HasPrefix(identifier, scheme) {
			return kindInput
		}
	}

	return kindFetch
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

	imports, err := cacheImports(c)
	if err != nil {
		return nil, err
	}

	result, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), CacheImports: imports})
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
