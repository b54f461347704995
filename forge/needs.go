package forge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/debsrc"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/image"
)

// Needs is what builds need of a store. The zero value needs nothing.
type Needs struct {
	// Files are the SHA-256 of what the store has.
	Files map[string]bool
	// Modules are the names of what is made of files: trees of Go modules, by the
	// digests of their go.sum, and unpacked source packages.
	Modules map[string]bool
	// Userlands are the manifests' digests of assembled userlands.
	Userlands map[string]bool
	// Missing are what the store has not, for people.
	Missing []string
}

// Needs adds what the options' targets need of a store; it fetches nothing.
func (o Options) Needs(ctx context.Context, store *source.Store, n *Needs) error {
	for _, m := range []*map[string]bool{&n.Files, &n.Modules, &n.Userlands} {
		if *m == nil {
			*m = map[string]bool{}
		}
	}

	for _, platform := range o.platforms() {
		g, err := o.Graph(platform)
		if err != nil {
			return err
		}

		set, err := lower.Inputs(g, targetNames(g)...)
		if err != nil {
			return err
		}

		for _, part := range []func(context.Context, *source.Store, *graph.Graph, *lower.InputSet) error{
			n.urls, n.archives, n.modules, n.userlands, n.images,
		} {
			if err := part(ctx, store, g, set); err != nil {
				return err
			}
		}
	}

	return nil
}

// Sums are the files, sorted.
func (n *Needs) Sums() []string { return slices.Sorted(maps.Keys(n.Files)) }

// file notes a file that is known by its SHA-256.
func (n *Needs) file(ctx context.Context, store *source.Store, sum, what string) error {
	_, err := store.Lookup(ctx, sum)

	switch {
	case err == nil:
		n.Files[sum] = true
	case errors.Is(err, fs.ErrNotExist):
		n.Missing = append(n.Missing, what)
	default:
		return err
	}

	return nil
}

func (n *Needs) urls(ctx context.Context, store *source.Store, _ *graph.Graph, set *lower.InputSet) error {
	for _, u := range set.URLs {
		if err := n.file(ctx, store, u.SHA256, fmt.Sprintf("%s: %s", position(u.Place), u.URL)); err != nil {
			return err
		}
	}

	return nil
}

// archives notes the archives of commits, and source packages with their files.
func (n *Needs) archives(ctx context.Context, store *source.Store, _ *graph.Graph, set *lower.InputSet) error {
	for _, w := range set.Git {
		if err := n.file(ctx, store, w.SHA256, fmt.Sprintf("%s: %s at %s", position(w.Place), w.URL, w.Revision)); err != nil {
			return err
		}
	}

	for _, w := range set.DSCs {
		if err := n.file(ctx, store, w.SHA256, fmt.Sprintf("%s: %s", position(w.Place), w.URL)); err != nil {
			return err
		}

		n.Modules[debsrc.Key(w.SHA256, w.Unpatched)] = true

		// Without the .dsc nobody knows what it names.
		if !n.Files[w.SHA256] {
			continue
		}

		data, err := os.ReadFile(store.Path(w.SHA256))
		if err != nil {
			return fmt.Errorf("read %s: %w", w.URL, err)
		}

		d, err := debsrc.Parse(data)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", position(w.Place), w.URL, err)
		}

		for _, f := range d.Files {
			if err := n.file(ctx, store, f.SHA256, fmt.Sprintf("%s: %s of %s", position(w.Place), f.Name, w.URL)); err != nil {
				return err
			}
		}
	}

	return nil
}

func (n *Needs) modules(ctx context.Context, store *source.Store, g *graph.Graph, set *lower.InputSet) error {
	for _, w := range set.Go {
		entries, err := gomod.ParseSum(filepath.Join(g.Tree.Dir(), w.Dir, "go.sum"), w.GoSum)
		if err != nil {
			return err
		}

		sums, missing, err := gomod.Have(ctx, store, entries)
		if err != nil {
			return err
		}

		for _, sum := range sums {
			n.Files[sum] = true
		}

		for _, e := range missing {
			n.Missing = append(n.Missing, fmt.Sprintf("%s: %s", position(w.Place), e))
		}

		n.Modules[gomod.Digest(w.GoSum)] = true
	}

	return nil
}

func (n *Needs) userlands(ctx context.Context, store *source.Store, g *graph.Graph, set *lower.InputSet) error {
	cache, err := bootstrapCache()
	if err != nil {
		return err
	}

	for _, w := range set.Debian {
		lock, arch, err := locked(g, w)
		if err != nil {
			return err
		}

		sources, err := lock.Sources(arch)
		if err != nil {
			return err
		}

		for _, s := range sources {
			if err := n.file(ctx, store, s.SHA256, fmt.Sprintf("%s: %s", s.Position, s.URL)); err != nil {
				return err
			}
		}

		if userland, ok := bootstrap.Cached(cache, lock, arch); ok {
			n.Userlands[userland.Digest] = true
		}
	}

	return nil
}

func (n *Needs) images(ctx context.Context, store *source.Store, g *graph.Graph, set *lower.InputSet) error {
	pinned, err := pins.Load(g.Tree.Dir())
	if err != nil {
		return err
	}

	for _, w := range set.Images {
		ref, _, err := reference(w, pinned)
		if err != nil {
			return err
		}

		img, err := image.Find(ctx, store, ref, w.Platform)

		switch {
		case err == nil:
			for _, sum := range img.Blobs {
				n.Files[sum] = true
			}
		case errors.Is(err, fs.ErrNotExist):
			n.Missing = append(n.Missing, fmt.Sprintf("%s: %s", position(w.Place), ref))
		default:
			return err
		}
	}

	return nil
}

// CleanOptions say what CleanStore keeps beside what is needed.
type CleanOptions struct {
	// KeepBytes is how large the store may stay: what nobody needs then goes
	// only as far as that takes, the largest first. 0 means that all of it
	// goes.
	KeepBytes int64
	// Waiting is called when a build has to be waited for; it may be nil.
	Waiting func()
}

// Cleaned is what CleanStore removed.
type Cleaned struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"` // of them
	// UserlandBytes is the size of assembled userlands that went, too.
	UserlandBytes int64 `json:"userlandBytes"`
}

// CleanStore removes from a store, and from the cache of assembled userlands,
// what nobody needs. It waits for builds that use the store.
func CleanStore(ctx context.Context, store *source.Store, needs *Needs, o CleanOptions) (*Cleaned, error) {
	done, err := store.Own(ctx, o.Waiting)
	if err != nil {
		return nil, err
	}
	defer done()

	gone, err := store.GC(ctx, needs.Files, needs.Modules, o.KeepBytes)
	if err != nil {
		return nil, err
	}

	cleaned := &Cleaned{Files: gone.Files, Bytes: gone.Bytes}

	if err := image.DropRecords(store); err != nil {
		return cleaned, err
	}

	// With a limit, userlands are not counted, and stay.
	if o.KeepBytes > 0 {
		return cleaned, nil
	}

	cache, err := bootstrapCache()
	if err != nil {
		return cleaned, err
	}

	cleaned.UserlandBytes, err = bootstrap.Clean(cache, needs.Userlands)

	return cleaned, err
}

// OpenStore opens the store that the options name.
func (o Options) OpenStore() (*source.Store, error) {
	store, _, err := o.openStore()

	return store, err
}
