package update

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/tree"
)

// State is what is known of a version.
type State string

// The states. Failed is an upstream that could not be asked or a version that
// could not be written, Skipped one that nobody can be asked about.
const (
	Current State = "current"
	Newer   State = "newer"
	Written State = "written"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Result is what is known of a package, or of a variable.
type Result struct {
	// Name is the package's, or the variable's.
	Name string `json:"name"`
	// File and Line are where the version is written.
	File string `json:"file"`
	Line int    `json:"line"`
	// Upstream is what was asked.
	Upstream string `json:"upstream,omitempty"`
	Current  string `json:"current,omitempty"`
	Newest   string `json:"newest,omitempty"`
	State    State  `json:"state"`
	// Reason is why the version failed or was skipped.
	Reason string `json:"reason,omitempty"`
	// Changed are the files that were written.
	Changed []string `json:"changed,omitempty"`
}

// Options say what to look at.
type Options struct {
	// Dir is the root of the tree.
	Dir  string
	Args map[string]string
	// Platforms are those for which sums are written; none means all that
	// Akmon is for: linux/amd64 and linux/arm64.
	Platforms []ocispecs.Platform
	// Targets are the packages to look at; none means all.
	Targets []string
	// Client asks upstreams; nil means one with a timeout of 30 seconds.
	Client *http.Client
	// Store takes the new sources, so that a build finds them. It is needed to
	// write.
	Store *source.Store
	// Write changes the documents.
	Write bool
}

// parallel is how many upstreams are asked at a time.
const parallel = 8

// run is the state of one call of Run.
type run struct {
	Options

	fsys    fs.FS
	changed map[string][]byte
	trees   []*tree.Tree
	sums    map[string]source.Meta // of new sources, by URL
}

// Run asks the upstreams of the tree's packages and variables, and writes
// newer versions if the options say so. The results are in order of file and
// line. A result can be Failed; the error is for a tree that can't be read or
// written.
func Run(ctx context.Context, o Options) ([]Result, error) {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}

	if len(o.Platforms) == 0 {
		o.Platforms = []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	}

	root, err := os.OpenRoot(cmp.Or(o.Dir, "."))
	if err != nil {
		return nil, fmt.Errorf("open the tree: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read

	r := &run{Options: o, fsys: root.FS(), changed: map[string][]byte{}, sums: map[string]source.Meta{}}

	if r.trees, err = r.load(nil); err != nil {
		return nil, err
	}

	items, err := r.items()
	if err != nil {
		return nil, err
	}

	r.ask(ctx, items)

	if o.Write {
		for _, i := range items {
			if i.State == Newer {
				r.update(ctx, i)
			}
		}

		if err := r.save(); err != nil {
			return nil, err
		}
	}

	results := make([]Result, len(items))
	for n, i := range items {
		results[n] = i.Result
	}

	return results, ctx.Err()
}

// load loads the tree for each platform as it is with the changes.
func (r *run) load(changed map[string][]byte) ([]*tree.Tree, error) {
	var trees []*tree.Tree

	for _, p := range r.Platforms {
		t, err := tree.Load(tree.Options{
			Dir: r.Dir, FS: overlay{r.fsys, changed}, Args: maps.Clone(r.Args), Platform: p, BuildPlatform: p,
		})
		if err != nil {
			return nil, err
		}

		trees = append(trees, t)
	}

	return trees, nil
}

// name is how a file of the tree is called in results.
func (r *run) name(file string) string { return filepath.Join(r.Dir, filepath.FromSlash(file)) }

// read gives a file of the tree as it is with the changes.
func (r *run) read(changed map[string][]byte, file string) ([]byte, error) {
	if text, ok := changed[file]; ok {
		return text, nil
	}

	return fs.ReadFile(r.fsys, file)
}

// ask fills in the newest versions.
func (r *run) ask(ctx context.Context, items []*item) {
	var group errgroup.Group

	group.SetLimit(parallel)

	for _, i := range items {
		if i.State != Current {
			continue
		}

		group.Go(func() error {
			i.find(ctx, r.Client)

			return nil
		})
	}

	_ = group.Wait() // failures are results
}

func (i *item) find(ctx context.Context, client *http.Client) {
	if i.subject.current == "" {
		i.State, i.Reason = Skipped, fmt.Sprintf("%q has no version in it", i.Current)

		return
	}

	all, err := i.lookup.versions(ctx, client, i.subject)
	if err != nil {
		i.State, i.Reason = Failed, err.Error()

		return
	}

	for n := range all {
		all[n].version = sameStyle(all[n].version, i.subject.current)
	}

	best, found := newest(i.subject.current, all)
	if !found {
		i.State, i.Reason = Failed, fmt.Sprintf("none of the %d names at %s is a version like %s", len(all), i.lookup.address, i.subject.current)

		return
	}

	i.newest = best.version
	i.Newest = strings.Replace(i.Current, i.subject.current, best.version, 1)
	if best.version != i.subject.current {
		i.State = Newer
	}
}
