package lower

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"
)

// setting is what the instructions of a step have in common.
type setting struct {
	env      []string // NAME=VALUE
	dir      string
	platform *ocispecs.Platform
}

// setting finds out what instructions on s have in common. An llb.State
// answers by asking all states that it was made from, so that it is asked once
// a step.
func (p *pkg) setting(s llb.State) (*setting, error) {
	env, err := s.Env(p.m.ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the environment: %w", err)
	}

	dir, err := s.GetDir(p.m.ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the directory: %w", err)
	}

	platform, err := s.GetPlatform(p.m.ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the platform: %w", err)
	}

	return &setting{env.ToArray(), dir, platform}, nil
}

// command is llb.Args, networking llb.Network and mount llb.AddMount, as
// options that can be read.
type (
	command    []string
	networking pb.NetMode
	mount      struct {
		target   string
		source   llb.Output
		selector string
		readonly bool
		cacheID  string // of a directory that is shared and kept
	}
)

// SetRunOption does what llb.Args does.
func (c command) SetRunOption(e *llb.ExecInfo) { llb.Args(c).SetRunOption(e) }

// SetRunOption does what llb.Network does.
func (n networking) SetRunOption(e *llb.ExecInfo) { llb.Network(pb.NetMode(n)).SetRunOption(e) }

// SetRunOption does what llb.AddMount does.
func (m *mount) SetRunOption(e *llb.ExecInfo) {
	var opts []llb.MountOption

	if m.selector != "" {
		opts = append(opts, llb.SourcePath(m.selector))
	}

	if m.readonly {
		opts = append(opts, llb.Readonly)
	}

	if m.cacheID != "" {
		opts = append(opts, llb.AsPersistentCacheDir(m.cacheID, llb.CacheMountShared))
	}

	llb.AddMount(m.target, llb.Scratch().WithOutput(m.source), opts...).SetRunOption(e)
}

// hasOutput tells whether what is written to the mount can be used later.
func (m *mount) hasOutput() bool { return !m.readonly && m.cacheID == "" }

// run is branch.Run. It gives the file system that the instruction leaves, and
// with an extra target what it leaves in an empty directory there.
//
// Where it knows all options it makes the operation itself, the same one byte
// for byte: most operations of a tree are instructions, and to llb each is as
// much work as all else that is done for it.
func (p *pkg) run(branch llb.State, s *setting, extra string, opts ...llb.RunOption) (root, left llb.State, err error) {
	e := exec{setting: s, mounts: []*mount{{target: pb.RootMount, source: branch.Output()}}}

	for _, o := range opts {
		if !e.option(o) {
			run := branch.Run(opts...)
			if extra != "" {
				left = run.AddMount(extra, llb.Scratch())
			}

			return run.Root(), left, nil
		}
	}

	if extra != "" {
		e.mounts = append(e.mounts, &mount{target: extra})
	}

	o, err := e.operation(p.m)
	if err != nil {
		return llb.State{}, llb.State{}, err
	}

	for index, m := range e.outputs() {
		out := product{o, int64(index)}

		switch m.target {
		case pb.RootMount:
			root = branch.WithOutput(out)
		case extra:
			left = nothing.WithOutput(out)
		}
	}

	return root, left, nil
}

// exec is an instruction while its operation is made.
type exec struct {
	*setting

	args        []string
	network     pb.NetMode
	constraints llb.Constraints
	mounts      []*mount
}

// option takes an option, if it is one of those that are known here.
func (e *exec) option(o llb.RunOption) bool {
	switch o := o.(type) {
	case command:
		e.args = o
	case networking:
		e.network = pb.NetMode(o)
	case *mount:
		e.mounts = append(e.mounts, o)
	case llb.ConstraintsOpt:
		o.SetConstraintsOption(&e.constraints)
	default:
		return false
	}

	return true
}

// outputs are the mounts that have one, in the order of their numbers.
func (e *exec) outputs() []*mount {
	outputs := make([]*mount, 0, 2)

	for _, m := range e.mounts {
		if m.hasOutput() {
			outputs = append(outputs, m)
		}
	}

	return outputs
}

// operation does what llb.ExecOp.Marshal does.
func (e *exec) operation(m *marshaller) (*operation, error) {
	slices.SortFunc(e.mounts, func(a, b *mount) int { return strings.Compare(a.target, b.target) })

	op := &pb.ExecOp{
		Meta:    &pb.Meta{Args: e.args, Env: e.env, Cwd: e.dir, RemoveMountStubsRecursive: true},
		Network: e.network,
		Mounts:  make([]*pb.Mount, 0, len(e.mounts)),
	}

	all := &pb.Op{
		Op:          &pb.Op_Exec{Exec: op},
		Constraints: &pb.WorkerConstraints{},
		Platform: &pb.Platform{
			OS: e.platform.OS, Architecture: e.platform.Architecture, Variant: e.platform.Variant,
			OSVersion: e.platform.OSVersion, OSFeatures: slices.Clone(e.platform.OSFeatures),
		},
	}

	made := &operation{metadata: e.constraints.Metadata, locations: e.constraints.SourceLocations}
	outputs := int64(0)

	for _, mount := range e.mounts {
		raw := &pb.Mount{Input: int64(pb.Empty), Dest: mount.target, Readonly: mount.readonly, Output: int64(pb.SkipOutput), Selector: mount.selector}

		if mount.source != nil {
			input, err := m.input(made, mount.source)
			if err != nil {
				return nil, err
			}

			raw.Input = input
		}

		if mount.cacheID != "" {
			raw.MountType = pb.MountType_CACHE
			raw.CacheOpt = &pb.CacheOpt{ID: mount.cacheID, Sharing: pb.CacheSharingOpt_SHARED}
		}

		if mount.hasOutput() {
			raw.Output = outputs
			outputs++
		}

		op.Mounts = append(op.Mounts, raw)
	}

	for _, in := range made.inputs {
		all.Inputs = append(all.Inputs, &pb.Input{Digest: string(in.digest), Index: in.index})
	}

	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("marshal an instruction: %w", err)
	}

	made.raw, made.digest = raw, digest.FromBytes(raw)
	made.metadata.Caps = m.execCaps(e.needs())
	m.own[made] = struct{}{}

	return made, nil
}

// execNeeds is what of BuildKit an instruction needs.
type execNeeds struct{ network, selector, cache, bind bool }

func (e *exec) needs() execNeeds {
	needs := execNeeds{network: e.network != pb.NetMode_UNSET}

	for _, m := range e.mounts {
		needs.selector = needs.selector || m.selector != ""
		needs.cache = needs.cache || m.cacheID != ""
		needs.bind = needs.bind || m.cacheID == "" && m.source != nil
	}

	return needs
}

// execCaps gives the capabilities that stand for needs.
func (m *marshaller) execCaps(needs execNeeds) map[apicaps.CapID]bool {
	if known, ok := m.caps.Load(needs); ok {
		return known.(map[apicaps.CapID]bool) //nolint:forcetypeassert // nothing else is stored
	}

	caps := map[apicaps.CapID]bool{pb.CapExecMetaBase: true}

	for id, needed := range map[apicaps.CapID]bool{
		pb.CapExecMetaNetwork: needs.network, pb.CapExecMountSelector: needs.selector, pb.CapExecMountBind: needs.bind,
		pb.CapExecMountCache: needs.cache, pb.CapExecMountCacheSharing: needs.cache,
	} {
		if needed {
			caps[id] = true
		}
	}

	m.caps.Store(needs, caps)

	return caps
}
