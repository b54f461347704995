package lower_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/synthetic"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

func resolve(t testing.TB, a *treetest.Archive) *graph.Graph {
	t.Helper()

	target, err := tree.ParsePlatform(a.Setting("platform", "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}

	build, err := tree.ParsePlatform(a.Setting("build", "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}

	opts := tree.Options{FS: a.FS(), Platform: target, BuildPlatform: build, Args: map[string]string{}}

	for _, arg := range strings.Fields(a.Setting("args", "")) {
		name, value, _ := strings.Cut(arg, "=")
		opts.Args[name] = value
	}

	loaded, err := tree.Load(opts)
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, nil)
	if err != nil {
		t.Fatal(err)
	}

	return g
}

func debian(lock string, p ocispecs.Platform) (string, error) {
	return fmt.Sprintf("akmon.local/%s-%s@sha256:%064d", strings.ReplaceAll(lock, "/", "-"), p.Architecture, 0), nil
}

func TestTranscripts(t *testing.T) {
	treetest.Each(t, "testdata/*.txt", func(t *testing.T, a *treetest.Archive) {
		g := resolve(t, a)

		for _, n := range g.Leaves() {
			result, err := lower.Lower(context.Background(), g, n.Name, lower.Options{Debian: debian})
			if err != nil {
				t.Fatal(err)
			}

			text, err := lower.Transcript(result.Definition)
			if err != nil {
				t.Fatal(err)
			}

			a.Want(t, n.Name, text)

			image, err := json.MarshalIndent(result.Image, "", "  ")
			if err != nil {
				t.Fatal(err)
			}

			a.Want(t, n.Name+" image", string(image))
			a.Want(t, n.Name+" inputs", describe(result.Inputs))
		}
	})
}

func describe(in *lower.InputSet) string {
	var b strings.Builder

	for _, u := range in.URLs {
		fmt.Fprintf(&b, "%s\nurl %s sha256:%.8s sha512:%.8s %s\n", u.Errorf("for %s", u.Package), u.URL, u.SHA256, u.SHA512, u.FileName)
	}

	for _, g := range in.Git {
		fmt.Fprintf(&b, "%s\ngit %s %s submodules=%v sha256:%.8s sha512:%.8s\n", g.Errorf("for %s", g.Package), g.URL, g.Revision, g.Submodules, g.SHA256, g.SHA512)
	}

	for _, d := range in.DSCs {
		fmt.Fprintf(&b, "%s\ndsc %s unpatched=%v sha256:%.8s sha512:%.8s\n", d.Errorf("for %s", d.Package), d.URL, d.Unpatched, d.SHA256, d.SHA512)
	}

	for _, g := range in.Go {
		fmt.Fprintf(&b, "%s\ngo %s %.8s %d bytes\n", g.Errorf("for %s", g.Package), g.Dir, g.SHA256, len(g.GoSum))
	}

	for _, d := range in.Debian {
		fmt.Fprintf(&b, "%s\ndebian %s %s\n", d.Errorf("for %s", d.Package), d.Lock, tree.FormatPlatform(d.Platform))
	}

	for _, i := range in.Images {
		fmt.Fprintf(&b, "%s\nimage %s %s\n", i.Errorf("for %s", i.Package), i.Ref, tree.FormatPlatform(i.Platform))
	}

	for _, s := range in.Secrets {
		fmt.Fprintf(&b, "%s\nsecret %s optional=%v\n", s.Errorf("for %s", s.Package), s.ID, s.Optional)
	}

	for _, s := range in.SSH {
		fmt.Fprintf(&b, "%s\nssh %s\n", s.Errorf("for %s", s.Package), s.ID)
	}

	fmt.Fprintf(&b, "tree: %v\n", in.Tree)

	return b.String()
}

// The same tree gives the same bytes, however often and on however many
// processors it is compiled.
func TestDeterminism(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))

	for _, name := range []string{"source-build", "go-service", "bldr", "cross", "outputs", "secrets", "reusable", "architecture", "sources"} {
		a := treetest.Read(t, "testdata/"+name+".txt")
		first := map[string][]byte{}

		for round := range 100 {
			runtime.GOMAXPROCS(1 + round%8)

			g := resolve(t, a)

			for _, n := range g.Leaves() {
				result, err := lower.Lower(context.Background(), g, n.Name, lower.Options{Debian: debian})
				if err != nil {
					t.Fatal(err)
				}

				raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(result.Definition.ToPB())
				if err != nil {
					t.Fatal(err)
				}

				if first[n.Name] == nil {
					first[n.Name] = raw
				} else if !bytes.Equal(first[n.Name], raw) {
					t.Fatalf("%s: round %d differs", n.Name, round)
				}
			}
		}
	}
}

func TestOptions(t *testing.T) {
	g := resolve(t, treetest.Read(t, "testdata/source-build.txt"))

	lowered := func(opts lower.Options) string {
		opts.Debian = debian

		result, err := lower.Lower(context.Background(), g, "musl", opts)
		if err != nil {
			t.Fatal(err)
		}

		text, err := lower.Transcript(result.Definition)
		if err != nil {
			t.Fatal(err)
		}

		return text
	}

	for name, test := range map[string]struct {
		opts      lower.Options
		has, lack string
	}{
		"plain":   {lower.Options{}, "local://source", "no-cache"},
		"epoch":   {lower.Options{Epoch: time.Unix(42, 0)}, "SOURCE_DATE_EPOCH=42", "time=1767312000"},
		"nocache": {lower.Options{NoCache: true}, "make check-headers @musl/pkg.yaml:29 no-cache", ""},
		"http":    {lower.Options{HTTP: true}, "http.checksum=sha256:aaaa", "local://source"},
		"group":   {lower.Options{Group: true}, `group="package musl linux/amd64 linux/amd64"`, ""},
		"caches":  {lower.Options{CacheNamespace: "team"}, "cache=team/akmon/musl/linux/amd64/root/.cache", ""},
		"local":   {lower.Options{LocalID: "session"}, "local.unique=session", "local.unique=akmon"},
	} {
		t.Run(name, func(t *testing.T) {
			text := lowered(test.opts)

			if !strings.Contains(text, test.has) {
				t.Errorf("%q is not in\n%s", test.has, text)
			}

			if test.lack != "" && strings.Contains(text, test.lack) {
				t.Errorf("%q is in\n%s", test.lack, text)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	g := resolve(t, treetest.Read(t, "testdata/source-build.txt"))

	for name, test := range map[string]struct {
		target string
		debian func(string, ocispecs.Platform) (string, error)
		want   string
	}{
		"unknown":   {"mussl", debian, `the graph has no package "mussl"; did you mean "musl"?`},
		"no debian": {"musl", nil, "bootstrap/pkg.yaml:3:13: there is nothing to assemble Debian root file systems with\n    3 |   - debian: debian.lock.yaml\n      |             ^"},
		"failing": {"musl", func(string, ocispecs.Platform) (string, error) { return "", os.ErrNotExist },
			"root file system of bootstrap/debian.lock.yaml: file does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lower.Lower(context.Background(), g, test.target, lower.Options{Debian: test.debian})
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}

	if _, err := lower.Inputs(g, "nope"); err == nil {
		t.Error("inputs of an unknown package")
	}
}

// What is put together here is what llb itself would.
func TestDefinitionIsThatOfLLB(t *testing.T) {
	treetest.Each(t, "testdata/*.txt", func(t *testing.T, a *treetest.Archive) {
		g := resolve(t, a)

		for _, n := range g.Leaves() {
			result, err := lower.Lower(context.Background(), g, n.Name, lower.Options{Debian: debian})
			if err != nil {
				t.Fatal(err)
			}

			want, err := result.State.Marshal(context.Background(), llb.Platform(n.BuildPlatform), llb.LocalUniqueID("akmon"))
			if err != nil {
				t.Fatal(err)
			}

			wantPB, gotPB := want.ToPB(), result.Definition.ToPB()
			if len(wantPB.Def) == 0 {
				continue // an empty output
			}

			if diff := cmp.Diff(wantPB, gotPB, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-llb +akmon):\n%s", n, diff)
			}
		}
	})
}

// The examples of the documentation are compiled for each architecture.
func TestPage(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		target, err := tree.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}

		loaded, err := tree.Load(tree.Options{FS: treetest.Examples(t, "../../docs/package-tree.md"), Platform: target})
		if err != nil {
			t.Fatal(err)
		}

		g, err := graph.Resolve(loaded, nil)
		if err != nil {
			t.Fatal(err)
		}

		for _, n := range g.Leaves() {
			if _, err := lower.Lower(context.Background(), g, n.Name, lower.Options{Debian: debian}); err != nil {
				t.Error(err)
			}
		}
	}
}

// Many packages are lowered by several goroutines, to the same bytes as by
// one, and to those that llb would give.
func TestManyPackages(t *testing.T) {
	loaded, err := tree.Load(tree.Options{FS: many(200)})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{synthetic.All})
	if err != nil {
		t.Fatal(err)
	}

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))

	var first []byte

	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)

		result, err := lower.Lower(context.Background(), g, synthetic.All, lower.Options{})
		if err != nil {
			t.Fatal(err)
		}

		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(result.Definition.ToPB())
		if err != nil {
			t.Fatal(err)
		}

		if first == nil {
			first = raw

			want, err := result.State.Marshal(context.Background(), llb.Platform(tree.Host()), llb.LocalUniqueID("akmon"))
			if err != nil {
				t.Fatal(err)
			}

			if wanted, err := (proto.MarshalOptions{Deterministic: true}).Marshal(want.ToPB()); err != nil || !bytes.Equal(wanted, raw) {
				t.Errorf("llb gives something else: %v", err)
			}
		} else if !bytes.Equal(first, raw) {
			t.Errorf("%d processors give something else", procs)
		}
	}
}

// An error of one package is reported once, not by all that need it.
func TestFailureAmongMany(t *testing.T) {
	fsys := many(200)
	fsys["base/pkg.yaml"].Data = []byte("name: base\ndependencies: [{debian: lock}]\nfinalize: [{}]\n")

	loaded, err := tree.Load(tree.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{synthetic.All})
	if err != nil {
		t.Fatal(err)
	}

	_, err = lower.Lower(context.Background(), g, synthetic.All, lower.Options{
		Debian: func(string, ocispecs.Platform) (string, error) { return "", os.ErrNotExist },
	})
	if err == nil || err.Error() != "root file system of base/lock: file does not exist" {
		t.Errorf("got %v", err)
	}
}
