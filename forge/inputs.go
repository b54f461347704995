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
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/forge/source/mirror"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

// inputs are the things outside of the graph that it refers to, fetched and
// laid out where BuildKit can read them.
type inputs struct {
	dirs   map[string]string // of llb.Local, by name
	debian map[string]bootstrap.Image
	images map[string]image.Image
	blobs  content.Store // of the images
	// local is the build's Options.localID.
	local string
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

	all := map[string]content.Store{}

	if len(stores.all) > 0 {
		stores.Store = stores.all[0]
		all["bootstrap"] = stores
	}

	if len(i.images) > 0 {
		all["images"] = i.blobs
	}

	return all, nil
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

// fetch obtains every input of the graph's targets, and unless it is for later
// only, lays them out for BuildKit. All that can't be had is reported together.
func (o *Options) fetch(ctx context.Context, g *graph.Graph, later bool) (*inputs, error) {
	set, err := o.inputs(g)
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
		images: map[string]image.Image{},
		blobs:  image.Content(store),
	}

	if set.Tree {
		in.dirs["tree"] = g.Tree.Dir()
	}

	sources := make([]source.Source, len(set.URLs))
	for i, u := range set.URLs {
		sources[i] = sourceAt(u.Place, u.URL, u.SHA256, u.SHA512)
	}

	_, urlErr := store.FetchAll(ctx, sources)

	debian := in.assemble
	if later {
		debian = in.fetchDebian
	}

	return in, o.explainOffline(errors.Join(
		urlErr,
		in.fetchArchives(ctx, set, store),
		in.fetchGo(ctx, g, set.Go, store, mirrors.Go),
		in.fetchImages(ctx, g, set.Images, store),
		debian(ctx, o, g, set.Debian, store),
	))
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

// locked reads the lock file that a recipe names.
func locked(g *graph.Graph, w lower.DebianInput) (*bootstrap.Lock, string, error) {
	lock, err := readLock(g.Tree, w.Lock)
	if err != nil {
		return nil, "", document.Join(w.Lock, w.Errorf("%v", err)).OrNil()
	}

	return lock, bootstrap.DebianArch(w.Platform.Architecture, w.Platform.Variant), nil
}

// fetchDebian brings the packages of userlands into the store.
func (i *inputs) fetchDebian(ctx context.Context, o *Options, g *graph.Graph, wanted []lower.DebianInput, store *source.Store) error {
	var errs []error

	for _, w := range wanted {
		lock, arch, err := locked(g, w)
		if err != nil {
			return err
		}

		sources, err := lock.Sources(arch)
		if err == nil {
			o.logf("%s: fetching %d packages of the %s bootstrap", w.Lock, len(sources), arch)
			_, err = store.FetchAll(ctx, sources)
		}

		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

// assemble makes userlands, from packages that it fetches where they are
// missing.
func (i *inputs) assemble(ctx context.Context, o *Options, g *graph.Graph, wanted []lower.DebianInput, store *source.Store) error {
	cache, err := bootstrapCache()
	if err != nil {
		return err
	}

	for _, w := range wanted {
		lock, arch, err := locked(g, w)
		if err != nil {
			return err
		}

		userland, err := bootstrap.Assemble(ctx, store, lock, arch,
			bootstrap.AssembleOptions{Cache: cache, Log: func(format string, args ...any) { o.logf(w.Lock+": "+format, args...) }})
		if missing := new(source.FetchError); errors.As(err, &missing) {
			return err // it names the lock's line
		}

		if err != nil {
			return fmt.Errorf("%s: %w", w.Lock, err)
		}

		i.debian[debianKey(w.Lock, w.Platform)] = userland
	}

	return nil
}

// bootstrapCache is where assembled userlands are kept: on this machine, even
// if the store is on a disk that goes to the next one.
func bootstrapCache() (string, error) {
	dir, err := source.DefaultDir()
	if err != nil {
		return "", err
	}

	return filepath.Join(filepath.Dir(dir), "bootstrap"), nil
}
