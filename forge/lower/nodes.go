package lower

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
)

// lowering is the state of one call of Lower.
type lowering struct {
	opts        Options
	constraints *llb.Constraints
	sources     map[string]*llb.SourceMap // by name of the recipe's file
	lowered     map[*graph.Node]*lowered
	caps        sync.Map // see marshaller
}

// newLowering gives the options their defaults. Steps run on platform build
// where nothing else is said.
func newLowering(g *graph.Graph, opts Options, build ocispecs.Platform) *lowering {
	if opts.Epoch.IsZero() {
		opts.Epoch = g.Tree.Epoch()
	}

	if opts.AlpineImage == "" {
		opts.AlpineImage = AlpineImage
	}

	if opts.LocalID == "" {
		opts.LocalID = "akmon"
	}

	return &lowering{
		opts:        opts,
		constraints: llb.NewConstraints(llb.Platform(build), llb.LocalUniqueID(opts.LocalID)),
		sources:     map[string]*llb.SourceMap{},
		lowered:     map[*graph.Node]*lowered{},
	}
}

// lowered is one package; its state may be read once ready is closed.
type lowered struct {
	ready chan struct{}
	state llb.State
	// built is what the state was taken from, as far as the package has
	// outputs.
	built llb.State
	err   error
	// operations are the package's own, what is needed before what needs it.
	operations []*operation
}

// errNeeded says that a package was not lowered because one that it needs
// was not.
var errNeeded = errors.New("a package that this one needs failed")

// batch is how many packages are worth a goroutine.
const batch = 16

// all lowers the packages, several at a time. They are given in an order in
// which each comes after what it needs: since they are begun in that order,
// whoever waits for a package waits for one that is being worked on.
func (l *lowering) all(ctx context.Context, nodes []*graph.Node) error {
	for _, n := range nodes {
		l.lowered[n] = &lowered{ready: make(chan struct{})}

		if l.sources[n.File] == nil {
			l.sources[n.File] = llb.NewSourceMap(nil, n.File, "YAML", n.Raw)
		}

		if root := n.Tree.RootFile; l.sources[root] == nil {
			l.sources[root] = llb.NewSourceMap(nil, root, "YAML", n.Tree.RootRaw)
		}
	}

	var (
		wait sync.WaitGroup
		next atomic.Int64
	)

	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(nodes) {
				return
			}

			r := l.lowered[nodes[i]]
			r.err = l.one(ctx, nodes[i], r)
			close(r.ready)
		}
	}

	for range min(runtime.GOMAXPROCS(0), len(nodes)/batch) {
		wait.Go(work)
	}

	work()
	wait.Wait()

	for _, n := range nodes {
		if err := l.lowered[n].err; err != nil && !errors.Is(err, errNeeded) {
			return err
		}
	}

	return nil
}

// one lowers a package into r and marshals its operations, which keep the
// result.
func (l *lowering) one(ctx context.Context, n *graph.Node, r *lowered) error {
	for _, e := range n.Edges {
		// What comes with an output takes no part in making it.
		if e.Node == nil || n.Recipe != nil && !e.Recipe {
			continue
		}

		if _, err := l.wait(e.Node); err != nil {
			return errNeeded
		}
	}

	m := l.newMarshaller(ctx)

	state, built, err := l.node(n, m)
	if err != nil {
		return err
	}

	// The build itself may still be needed for further outputs.
	if provide := l.opts.Provide.Package; provide != nil {
		if provided, ok, err := provide(n.Name, n.Platform); err != nil {
			return err
		} else if ok {
			state = provided
		}
	}

	if len(n.Outputs) > 0 {
		if r.built, err = m.state(built); err != nil {
			return fmt.Errorf("lower %s: %w", n, err)
		}

		// Relative paths of finalize begin there.
		dir, err := built.GetDir(ctx)
		if err != nil {
			return fmt.Errorf("lower %s: %w", n, err)
		}

		r.built = r.built.Dir(dir)
	}

	if r.state, err = m.state(state); err != nil {
		return fmt.Errorf("lower %s: %w", n, err)
	}

	r.operations = m.order

	return nil
}

// wait gives the state of a package that was begun earlier.
func (l *lowering) wait(n *graph.Node) (llb.State, error) {
	r := l.lowered[n]
	<-r.ready

	return r.state, r.err
}
