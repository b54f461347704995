package lower

import (
	"fmt"
	"maps"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	digest "github.com/opencontainers/go-digest"
)

// definition gives the definition of a lowered package, as llb.State.Marshal
// does, byte for byte. That compares the text of every recipe with that of
// every other, which a large tree feels, and marshals one operation at a time;
// here every recipe has one source map, and the operations were marshalled when
// they were made, several packages at a time.
func definition(out llb.Output, c *llb.Constraints) (*llb.Definition, error) {
	p, ok := out.(product)
	if !ok {
		// A package without an output has no operations.
		return &llb.Definition{Metadata: map[digest.Digest]llb.OpMetadata{}, Constraints: c}, nil
	}

	order := ordered(p.operation)

	a := assembly{
		def: &llb.Definition{
			Def: make([][]byte, 0, len(order)+1), Metadata: make(map[digest.Digest]llb.OpMetadata, len(order)+1), Constraints: c,
		},
		infos:  map[*llb.SourceMap]int32{},
		source: &pb.Source{Locations: make(map[string]*pb.Locations, len(order))},
	}

	for _, o := range order {
		_, again := a.def.Metadata[o.digest]

		a.metadata(o)
		a.locations(o)

		if !again {
			a.def.Def = append(a.def.Def, o.raw)
		}
	}

	if err := a.result(p); err != nil {
		return nil, err
	}

	a.def.Source = a.source

	return a.def, nil
}

type assembly struct {
	def    *llb.Definition
	infos  map[*llb.SourceMap]int32
	source *pb.Source
}

// ordered gives an operation and all that it needs, what is needed before what
// needs it.
func ordered(last *operation) []*operation {
	var (
		order []*operation
		seen  = map[*operation]struct{}{}
		visit func(o *operation)
	)

	visit = func(o *operation) {
		if _, again := seen[o]; again {
			return
		}

		seen[o] = struct{}{}

		for _, in := range o.inputs {
			visit(in.operation)
		}

		order = append(order, o)
	}

	visit(last)

	return order
}

// metadata notes what is said of an operation. Two that do the same have one
// digest; what is said of the later one then counts.
func (a *assembly) metadata(o *operation) {
	said := o.metadata

	before, again := a.def.Metadata[o.digest]
	if !again {
		a.def.Metadata[o.digest] = said

		return
	}

	before.IgnoreCache = before.IgnoreCache || said.IgnoreCache
	before.Description = merged(before.Description, said.Description)
	before.Caps = merged(before.Caps, said.Caps)

	if said.ExportCache != nil {
		before.ExportCache = said.ExportCache
	}

	if said.ProgressGroup != nil {
		before.ProgressGroup = said.ProgressGroup
	}

	if said.LinuxResources != nil {
		before.LinuxResources = said.LinuxResources
	}

	a.def.Metadata[o.digest] = before
}

// merged is a map with what a and b have; neither is changed, since an
// operation keeps its own.
func merged[K comparable, V any](a, b map[K]V) map[K]V {
	if len(a) == 0 {
		return b
	}

	both := maps.Clone(a)
	maps.Copy(both, b)

	return both
}

func (a *assembly) locations(o *operation) {
	at := a.source.Locations[o.digest.String()]
	if at == nil {
		at = &pb.Locations{}
		a.source.Locations[o.digest.String()] = at
	}

	for _, l := range o.locations {
		index, known := a.infos[l.SourceMap]
		if !known {
			index = int32(len(a.source.Infos)) //nolint:gosec // the number of recipes
			a.infos[l.SourceMap] = index
			a.source.Infos = append(a.source.Infos, &pb.SourceInfo{
				Filename: l.SourceMap.Filename, Language: l.SourceMap.Language, Data: l.SourceMap.Data,
			})
		}

		at.Locations = append(at.Locations, &pb.Location{SourceIndex: index, Ranges: l.Ranges})
	}
}

// result adds the last operation, which names the output, and the
// capabilities that the whole needs.
func (a *assembly) result(p product) error {
	raw, err := (&pb.Op{Inputs: []*pb.Input{{Digest: string(p.digest), Index: p.index}}}).MarshalVT()
	if err != nil {
		return fmt.Errorf("marshal the result: %w", err)
	}

	caps := map[apicaps.CapID]bool{pb.CapConstraints: true, pb.CapPlatform: true}

	for _, md := range a.def.Metadata {
		if md.IgnoreCache {
			caps[pb.CapMetaIgnoreCache] = true
		}

		if md.Description != nil {
			caps[pb.CapMetaDescription] = true
		}

		if md.ExportCache != nil {
			caps[pb.CapMetaExportCache] = true
		}
	}

	dgst := digest.FromBytes(raw)
	last := a.def.Metadata[dgst]
	last.Caps = caps

	a.def.Def = append(a.def.Def, raw)
	a.def.Metadata[dgst] = last

	return nil
}
