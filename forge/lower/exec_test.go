package lower

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// other is an option that run does not know.
type other struct{}

func (other) SetRunOption(*llb.ExecInfo) {}

// The operations that run makes are those that llb makes, in every respect.
func TestRunIsLLBs(t *testing.T) {
	source := llb.NewSourceMap(nil, "a/pkg.yaml", "YAML", []byte("name: a\n"))
	local := llb.Local("tree", llb.IncludePatterns([]string{"a"}))
	platform := ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}

	for name, opts := range map[string][]llb.RunOption{
		"nothing":   nil,
		"network":   {networking(pb.NetMode_NONE)},
		"host":      {networking(pb.NetMode_HOST), llb.IgnoreCache},
		"named":     {note{"llb.customname": "[a] it"}, llb.ProgressGroup("a", "[a]", false)},
		"location":  {source.Location([]*pb.Range{{Start: &pb.Position{Line: 3}, End: &pb.Position{Line: 5}}}), noConstraint()},
		"empty":     {&mount{target: "/pkg", readonly: true}},
		"directory": {&mount{target: "/pkg", source: local.Output(), readonly: true, selector: "/a"}},
		"caches":    {&mount{target: "/z", cacheID: "akmon/z"}, &mount{target: "/b", cacheID: "akmon/b"}, &mount{target: "/b/c", cacheID: "akmon/b"}},
		"writable":  {&mount{target: "/a", source: local.Output()}, &mount{target: "/empty"}},
		"the same":  {&mount{target: "/a", source: local.Output(), readonly: true}, &mount{target: "/b", source: local.Output(), readonly: true}},
		"all": {
			networking(pb.NetMode_UNSET), note{"llb.customname": "x"}, &mount{target: "/pkg", source: local.Output(), readonly: true},
			&mount{target: "/root/.cache", cacheID: "c"}, &mount{target: "/.out"},
		},
	} {
		for _, extra := range []string{"", "/.passed", "/zz"} {
			t.Run(name+extra, func(t *testing.T) {
				lower := func(opts ...llb.RunOption) (made []*operation, roots []product) {
					l := newLowering(&graph.Graph{Tree: &tree.Tree{Root: &pkgtree.Root{}}}, Options{Epoch: tree.DefaultEpoch}, platform)
					p := &pkg{m: l.newMarshaller(context.Background())}

					root := llb.Scratch().File(llb.Mkdir("/x", 0o755)).Platform(platform).Dir("/work").AddEnv("B", "1").AddEnv("A", "2").AddEnv("B", "3")

					s, err := p.setting(root)
					if err != nil {
						t.Fatal(err)
					}

					one, _, err := p.run(root, s, "", append(opts, command{"/bin/sh", "-c", "one"})...)
					if err != nil {
						t.Fatal(err)
					}

					// What comes second has the first one as its file system.
					two, left, err := p.run(root.WithOutput(one.Output()), s, extra, append(opts, command{"/bin/sh", "-c", "two"})...)
					if err != nil {
						t.Fatal(err)
					}

					for _, state := range []llb.State{two, left} {
						if state.Output() == nil {
							continue
						}

						out, err := p.m.output(state.Output())
						if err != nil {
							t.Fatal(err)
						}

						roots = append(roots, out.(product))
					}

					return p.m.order, roots
				}

				got, gotRoots := lower(opts...)
				want, wantRoots := lower(append(opts[:len(opts):len(opts)], other{})...)

				compare := cmp.Options{
					cmp.AllowUnexported(operation{}, product{}), protocmp.Transform(), cmpopts.EquateEmpty(),
					cmp.Comparer(func(a, b *llb.SourceMap) bool { return a == b }),
				}
				if diff := cmp.Diff(want, got, compare); diff != "" {
					t.Errorf("operations (-llb +run):\n%s", diff)
				}

				if diff := cmp.Diff(wantRoots, gotRoots, compare); diff != "" {
					t.Errorf("results (-llb +run):\n%s", diff)
				}
			})
		}
	}
}
