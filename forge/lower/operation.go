package lower

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	digest "github.com/opencontainers/go-digest"
)

// operation is a marshalled operation of the build graph, an llb.Vertex. It
// takes the place of what it was made from, which takes several times the
// memory: a package is no more than its operations once it is lowered.
type operation struct {
	digest    digest.Digest
	raw       []byte
	metadata  llb.OpMetadata
	locations []*llb.SourceLocation
	inputs    []llb.Output
}

var _ llb.Vertex = (*operation)(nil)

// product is one output of an operation, an llb.Output.
type product struct {
	*operation

	index int64
}

func (o *operation) Validate(context.Context, *llb.Constraints) error { return nil }
func (o *operation) Inputs() []llb.Output                             { return o.inputs }
func (o *operation) Output() llb.Output                               { return product{o, 0} }

func (o *operation) Marshal(context.Context, *llb.Constraints) (digest.Digest, []byte, *pb.OpMetadata, []*llb.SourceLocation, error) {
	return o.digest, o.raw, o.metadata.ToPB(), o.locations, nil
}

func (p product) ToInput(context.Context, *llb.Constraints) (*pb.Input, error) {
	return &pb.Input{Digest: string(p.digest), Index: p.index}, nil
}

func (p product) Vertex(context.Context, *llb.Constraints) llb.Vertex { return p.operation }

// marshaller turns outputs into products. One serves one package.
type marshaller struct {
	ctx         context.Context //nolint:containedctx // lives as long as one call
	constraints *llb.Constraints
	done        map[llb.Vertex]*operation
	order       []*operation
	// caps are sets of capabilities that were met, by what is in them. There
	// are few, and every operation has one.
	caps *sync.Map
}

func (m *marshaller) metadata(md *pb.OpMetadata) llb.OpMetadata {
	said := llb.NewOpMetadata(md)
	if len(said.Caps) == 0 {
		return said
	}

	var key strings.Builder
	for _, id := range slices.Sorted(maps.Keys(said.Caps)) {
		fmt.Fprintf(&key, "%s=%t,", id, said.Caps[id])
	}

	known, _ := m.caps.LoadOrStore(key.String(), said.Caps)
	said.Caps = known.(map[apicaps.CapID]bool) //nolint:forcetypeassert // nothing else is stored

	return said
}

// state gives a state that is no more than its operations.
func (m *marshaller) state(s llb.State) (llb.State, error) {
	if s.Output() == nil {
		return s, nil
	}

	out, err := m.output(s.Output())
	if err != nil {
		return llb.State{}, err
	}

	return llb.Scratch().WithOutput(out), nil
}

func (m *marshaller) output(out llb.Output) (llb.Output, error) {
	if _, already := out.(product); already {
		return out, nil
	}

	o, err := m.vertex(out.Vertex(m.ctx, m.constraints))
	if err != nil {
		return nil, err
	}

	in, err := out.ToInput(m.ctx, m.constraints)
	if err != nil {
		return nil, fmt.Errorf("marshal an output: %w", err)
	}

	return product{o, in.Index}, nil
}

func (m *marshaller) vertex(v llb.Vertex) (*operation, error) {
	if o := m.done[v]; o != nil {
		return o, nil
	}

	// Marshalling an operation sorts its mounts, which its inputs follow.
	dgst, raw, md, locations, err := v.Marshal(m.ctx, m.constraints)
	if err != nil {
		return nil, fmt.Errorf("marshal an operation: %w", err)
	}

	o := &operation{digest: dgst, raw: raw, metadata: m.metadata(md), locations: locations}

	for _, in := range v.Inputs() {
		converted, err := m.output(in)
		if err != nil {
			return nil, err
		}

		o.inputs = append(o.inputs, converted)
	}

	m.done[v] = o
	m.order = append(m.order, o)

	return o, nil
}
