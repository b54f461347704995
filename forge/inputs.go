package forge

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/mirror"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

// inputs are the things outside of the graph that it refers to, fetched and
// laid out where BuildKit can read them.
type inputs struct {
	dirs   map[string]string // of llb.Local, by name
	debian map[string]bootstrap.Image
}

func debianKey(lock string, platform ocispecs.Platform) string {
	return lock + " " + tree.FormatPlatform(platform)
}

// ref is lower's question for a Debian root file system.
func (i *inputs) ref(lock string, platform ocispecs.Platform) (string, error) {
	image, ok := i.debian[debianKey(lock, platform)]
	if !ok {
		return "", fmt.Errorf("%s has not been assembled for %s", lock, tree.FormatPlatform(platform))
	}

	return image.Ref, nil
}

// localDirs opens the directories for the engine.
func (i *inputs) localDirs() (map[string]fsutil.FS, error) {
	dirs := map[string]fsutil.FS{}

	for name, dir := range i.dirs {
		fs, err := fsutil.NewFS(dir)
		if err != nil {
			return nil, fmt.Errorf("open the build's input %s: %w", name, err)
		}

		dirs[name] = fs
	}

	return dirs, nil
}

// ociStores opens the assembled root file systems for the engine.
func (i *inputs) ociStores() (map[string]content.Store, error) {
	var stores layouts

	for _, image := range i.debian {
		store, err := local.NewStore(image.Dir)
		if err != nil {
			return nil, fmt.Errorf("open the bootstrap userland: %w", err)
		}

		stores.all = append(stores.all, store)
	}

	if len(stores.all) == 0 {
		return nil, nil
	}

	stores.Store = stores.all[0]

	return map[string]content.Store{"bootstrap": stores}, nil
}

// layouts reads from several content stores as if they were one.
type layouts struct {
	content.Store

	all []content.Store
}

func (l layouts) ReaderAt(ctx context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	for _, store := range l.all[:len(l.all)-1] {
		if reader, err := store.ReaderAt(ctx, desc); err == nil {
			return reader, nil
		}
	}

	return l.all[len(l.all)-1].ReaderAt(ctx, desc)
}

// Info tells what the store that has dgst knows of it.
func (l layouts) Info(ctx context.Context, dgst digest.Digest) (content.Info, error) {
	for _, store := range l.all[:len(l.all)-1] {
		if info, err := store.Info(ctx, dgst); err == nil {
			return info, nil
		}
	}

	return l.all[len(l.all)-1].Info(ctx, dgst)
}

// Fetch brings all that the targets need into the store, without building.
func Fetch(ctx context.Context, o Options) error {
	for _, platform := range o.platforms() {
		g, err := o.Graph(platform)
		if err != nil {
			return err
		}

		if _, err := o.fetch(ctx, g); err != nil {
			return err
		}
	}

	return nil
}

// fetch obtains every input of the graph's targets. All that can't be had is
// reported together.
func (o *Options) fetch(ctx context.Context, g *graph.Graph) (*inputs, error) {
	set, err := lower.Inputs(g, targetNames(g)...)
	if err != nil {
		return nil, err
	}

	store, mirrors, err := o.openStore()
	if err != nil {
		return nil, err
	}

	in := &inputs{
		dirs:   map[string]string{"source": store.Dir()},
		debian: map[string]bootstrap.Image{},
	}

	if set.Tree {
		in.dirs["tree"] = g.Tree.Dir()
	}

	sources := make([]source.Source, len(set.URLs))
	for i, u := range set.URLs {
		sources[i] = sourceAt(u.Place, u.URL, u.SHA256, u.SHA512)
	}

	_, urlErr := store.FetchAll(ctx, sources)

	return in, errors.Join(
		urlErr,
		in.fetchArchives(ctx, set, store),
		in.fetchGo(ctx, g, set.Go, store, mirrors.Go),
		in.assemble(ctx, o, g, set.Debian, store),
	)
}

func (i *inputs) fetchGo(ctx context.Context, g *graph.Graph, wanted []lower.GoInput, store *source.Store, env mirror.GoEnv) error {
	var errs []error

	for _, w := range wanted {
		file := filepath.Join(g.Tree.Dir(), w.Dir, "go.sum")

		dir, digest, err := gomod.ProxyDir(ctx, store, env, file, w.GoSum)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		i.dirs["go-"+digest] = dir
	}

	return errors.Join(errs...)
}

func (i *inputs) assemble(ctx context.Context, o *Options, g *graph.Graph, wanted []lower.DebianInput, store *source.Store) error {
	for _, w := range wanted {
		lock, err := bootstrap.LoadLock(filepath.Join(g.Tree.Dir(), w.Lock))
		if err != nil {
			return document.Join(w.Lock, w.Errorf("%v", err)).OrNil()
		}

		image, err := bootstrap.Assemble(ctx, store, lock, bootstrap.DebianArch(w.Platform.Architecture, w.Platform.Variant),
			bootstrap.AssembleOptions{Log: func(format string, args ...any) { o.logf(w.Lock+": "+format, args...) }})
		if err != nil {
			return fmt.Errorf("%s: %w", w.Lock, err)
		}

		i.debian[debianKey(w.Lock, w.Platform)] = image
	}

	return nil
}
