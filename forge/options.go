package forge

import (
	"fmt"
	"io"
	"maps"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/mirror"
	"github.com/akmon-os/akmon/forge/tree"
)

// Options say what to build and how. The zero value builds the tree of the
// current directory for this machine.
type Options struct {
	// Dir is the root of the tree.
	Dir string
	// Targets are packages; none means all that nothing depends on.
	Targets []string
	// Args are the build arguments, BUILD_ARG_NAME in templates.
	Args map[string]string
	// Platforms are what to build for; none means this machine's.
	Platforms []ocispecs.Platform
	// Store is the directory of the source store; empty means the default.
	Store string
	// Offline forbids the network; what the store lacks is an error.
	Offline bool
	// Frozen refuses a tree whose locks do not fix all that its recipes leave
	// open.
	Frozen bool
	// Engine says where the graph is solved.
	Engine engine.Options
	// Outputs are what becomes of each target; none leaves it in the cache.
	Outputs []Output
	// Key is the file of the key that signs images; empty means unsigned.
	Key string
	// Secrets and SSH are what steps may ask for. They are in no layer and no
	// cache key.
	Secrets []Secret
	SSH     []SSHAgent
	// NoCache runs every step again.
	NoCache bool
	// CacheFrom and CacheTo are caches outside of the engine; {target} in
	// their attributes stands for the target's name.
	CacheFrom, CacheTo []engine.Cache
	// KeepGoing builds what it can although packages fail.
	KeepGoing bool
	// Timings are files to write the timings of the build to, also when it
	// fails: JSON with the ending .json, else a page of HTML.
	Timings []string
	// Progress is how the build is shown on Log.
	Progress progress.Mode
	// Log takes progress and messages; nil discards them.
	Log io.Writer
}

func (o *Options) logf(format string, args ...any) {
	if o.Log != nil && o.Progress != progress.Quiet && o.Progress != progress.JSON {
		fmt.Fprintf(o.Log, format+"\n", args...)
	}
}

func (o *Options) platforms() []ocispecs.Platform {
	if len(o.Platforms) == 0 {
		return []ocispecs.Platform{tree.Host()}
	}

	return o.Platforms
}

// Graph loads the tree for a platform and resolves the targets.
func (o *Options) Graph(platform ocispecs.Platform) (*graph.Graph, error) {
	return graph.Load(tree.Options{Dir: o.Dir, Args: maps.Clone(o.Args), Platform: platform}, o.Targets)
}

// openStore opens the source store with the machine's mirrors.
func (o *Options) openStore() (*source.Store, mirror.Config, error) {
	config, err := mirror.Load()
	if err != nil {
		return nil, mirror.Config{}, err
	}

	store, err := source.Open(o.Store, source.Options{
		Mirrors: config,
		Offline: o.Offline,
		Progress: func(e source.Event) {
			if e.State != source.Cached && e.State != source.Downloading {
				o.logf("%s", e)
			}
		},
	})

	return store, config, err
}

// Targets gives the names of the tree's packages, for completion.
func Targets(dir string) ([]string, error) {
	t, err := tree.Load(tree.Options{Dir: dir})
	if err != nil {
		return nil, err
	}

	return t.Names(), nil
}
