package lower

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
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
	inputs    []product
}

var _ llb.Vertex = (*operation)(nil)

// product is one output of an operation, an llb.Output.
type product struct {
	*operation

	index int64
}

func (o *operation) Validate(context.Context, *llb.Constraints) error { return nil }
func (o *operation) Output() llb.Output                               { return product{o, 0} }

func (o *operation) Inputs() []llb.Output {
	inputs := make([]llb.Output, len(o.inputs))
	for i, in := range o.inputs {
		inputs[i] = in
	}

	return inputs
}

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
	// own are the operations that it made; order has those of them that its
	// results depend on, what is needed before what needs it.
	own   map[*operation]struct{}
	order []*operation
	caps  *sync.Map
}

// newMarshaller gives one for another package.
func (l *lowering) newMarshaller(ctx context.Context) *marshaller {
	return &marshaller{
		ctx: ctx, constraints: l.constraints, caps: &l.caps,
		done: map[llb.Vertex]*operation{}, own: map[*operation]struct{}{},
	}
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

	return nothing.WithOutput(out), nil
}

// known gives the one set of capabilities that has what caps has. There are
// few, and every operation has one: they are kept by a number that is the same
// for the same set, whatever its order.
func (m *marshaller) known(caps map[apicaps.CapID]bool) map[apicaps.CapID]bool {
	if len(caps) == 0 {
		return nil
	}

	type set struct{ caps map[apicaps.CapID]bool }

	var key uint64
	for id := range caps {
		key += maphash.String(capSeed, string(id))
	}

	found, _ := m.caps.LoadOrStore(key, set{caps})

	if same, ok := found.(set); ok && maps.Equal(same.caps, caps) {
		return same.caps
	}

	return caps
}

var capSeed = maphash.MakeSeed()

// nothing is a state without an output, to make others from.
var nothing = llb.Scratch()

// output gives a result of the package.
func (m *marshaller) output(out llb.Output) (llb.Output, error) {
	p, err := m.product(out)
	if err != nil {
		return nil, err
	}

	m.visit(p.operation)

	return p, nil
}

// visit adds an operation to the order, after what it needs.
func (m *marshaller) visit(o *operation) {
	if _, own := m.own[o]; !own {
		return
	}

	delete(m.own, o)

	for _, in := range o.inputs {
		m.visit(in.operation)
	}

	m.order = append(m.order, o)
}

func (m *marshaller) product(out llb.Output) (product, error) {
	if p, already := out.(product); already {
		return p, nil
	}

	o, err := m.vertex(out.Vertex(m.ctx, m.constraints))
	if err != nil {
		return product{}, err
	}

	in, err := out.ToInput(m.ctx, m.constraints)
	if err != nil {
		return product{}, fmt.Errorf("marshal an output: %w", err)
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

	o := &operation{digest: dgst, raw: raw, metadata: llb.NewOpMetadata(md), locations: locations}
	o.metadata.Caps = m.known(o.metadata.Caps)

	inputs := v.Inputs()
	o.inputs = make([]product, 0, len(inputs))

	for _, in := range inputs {
		p, err := m.product(in)
		if err != nil {
			return nil, err
		}

		o.inputs = append(o.inputs, p)
	}

	m.done[v] = o
	m.own[o] = struct{}{}

	return o, nil
}

// input makes out an input of o, if it is not one, and gives its number.
func (m *marshaller) input(o *operation, out llb.Output) (int64, error) {
	p, err := m.product(out)
	if err != nil {
		return 0, err
	}

	for i, in := range o.inputs {
		if in.digest == p.digest && in.index == p.index {
			return int64(i), nil
		}
	}

	o.inputs = append(o.inputs, p)

	return int64(len(o.inputs) - 1), nil
}
