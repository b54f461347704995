package frontend

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/source/mirror"
	"github.com/akmon-os/akmon/forge/tree"
)

// Build arguments that are for the frontend, not for the tree.
const (
	// MirrorsArg holds rules as AKMON_MIRRORS does for akmon build, see
	// package mirror.
	MirrorsArg = "AKMON_MIRRORS"
	// GoProxyArg is where Go modules are downloaded from, with GOPROXY's
	// syntax.
	GoProxyArg = "AKMON_GOPROXY"
)

// treeArgs are the build arguments that templates see.
func treeArgs(all map[string]string) map[string]string {
	args := map[string]string{}

	for name, value := range all {
		if name != MirrorsArg && name != GoProxyArg && !strings.HasPrefix(name, "BUILDKIT_") {
			args[name] = value
		}
	}

	return args
}

// providers say where the inputs of the build are.
func (r *request) providers(ctx context.Context, t *tree.Tree) (lower.Providers, error) {
	rules, err := mirror.ParseRules(r.ui.BuildArgs[MirrorsArg])
	if err != nil {
		return lower.Providers{}, fmt.Errorf("build argument %s: %w", MirrorsArg, err)
	}

	named := &namedContexts{ctx: ctx, ui: r.ui}
	address := func(url string) string { return rewrite(rules, url) }

	return lower.Providers{
		Tree: r.context.files,
		URL:  address,
		Go: func(dir string, goSum []byte, opts ...llb.ConstraintsOpt) llb.State {
			return r.self.modules(goSum, r.ui.BuildArgs[GoProxyArg], opts)
		},
		Debian: func(lock string, platform ocispecs.Platform, opts ...llb.ConstraintsOpt) (llb.State, error) {
			text, err := t.ReadFile(lock)
			if err != nil {
				return llb.State{}, err
			}

			return r.self.bootstrap(lock, text, platform, r.context, address, opts)
		},
		Image:   named.image,
		Package: named.find,
	}, nil
}

// rewrite gives the first mirror of a URL. A build graph has no second try, so
// that a mirror that lacks the file fails the build.
func rewrite(rules mirror.Rules, url string) string {
	for _, candidate := range rules.Rewrite(url) {
		if strings.HasPrefix(candidate, "http://") || strings.HasPrefix(candidate, "https://") {
			return candidate
		}
	}

	return url
}

// namedContexts are the --build-context options: each stands for the image or
// the package of its name.
type namedContexts struct {
	ctx context.Context //nolint:containedctx // lives as long as one call of Lower
	ui  *dockerui.Client

	mu    sync.Mutex
	known map[string]*llb.State
}

// image looks for a context named as an image.
func (n *namedContexts) image(ref string, platform ocispecs.Platform) (llb.State, bool, error) {
	return n.find(ref, platform)
}

// find looks for a context; packages and images have their names in common.
func (n *namedContexts) find(name string, platform ocispecs.Platform) (llb.State, bool, error) {
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return llb.State{}, false, nil //nolint:nilerr // no context can have the name
	}

	n.mu.Lock()
	defer n.mu.Unlock()

	key := name + " " + platforms.FormatAll(platform)
	if state, ok := n.known[key]; ok {
		return value(state), state != nil, nil
	}

	state, err := n.load(name, platform)
	if err != nil {
		return llb.State{}, false, fmt.Errorf("build context %s: %w", name, err)
	}

	if n.known == nil {
		n.known = map[string]*llb.State{}
	}

	n.known[key] = state

	return value(state), state != nil, nil
}

func (n *namedContexts) load(name string, platform ocispecs.Platform) (*llb.State, error) {
	found, err := n.ui.NamedContext(name, dockerui.ContextOpt{
		Platform: &platform, NoDockerignore: true, ResolveMode: n.ui.ImageResolveMode.String(),
	})
	if err != nil || found == nil {
		return nil, err
	}

	state, _, err := found.Load(n.ctx)
	if err != nil || state == nil {
		return nil, err
	}

	// Only the files count: the environment of an image must not reach into
	// the steps.
	files := llb.Scratch().WithOutput(state.Output())

	return &files, nil
}

func value(state *llb.State) llb.State {
	if state == nil {
		return llb.State{}
	}

	return *state
}

// readFS reads a file of the tree.
func readFS(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}

	defer file.Close() //nolint:errcheck // only read

	return io.ReadAll(file)
}
