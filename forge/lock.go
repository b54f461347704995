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
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/schemas/document"
)

const (
	lockSuffix = ".lock.yaml"
	specSuffix = ".yaml"
)

// LockOptions say what happens to what is pinned already.
type LockOptions struct {
	// Refresh chooses anew even where the wishes are unchanged.
	Refresh bool
	// Prune drops pins of images that no recipe names, with the build
	// arguments and platforms given. Otherwise they stay: other arguments may
	// need them.
	Prune bool
}

// Lock pins what the tree's recipes leave open, and returns the lock files
// that changed: the Debian packages of every debian.yaml (and *.yaml beside a
// *.lock.yaml that a recipe names), and in akmon.lock.yaml the tags of images.
// What is pinned stays unless its wishes changed.
func Lock(ctx context.Context, o Options, lock LockOptions) ([]string, error) {
	store, _, err := o.openStore()
	if err != nil {
		return nil, err
	}

	specs, images, err := o.open()
	if err != nil {
		return nil, err
	}

	var changed []string

	for _, specFile := range specs {
		lockFile := strings.TrimSuffix(specFile, specSuffix) + lockSuffix

		written, err := o.lockOne(ctx, specFile, lockFile, bootstrap.ResolveOptions{
			Store: store, Refresh: lock.Refresh,
			Log: func(format string, args ...any) { o.logf(specFile+": "+format, args...) },
		})
		if err != nil {
			return changed, err
		}

		if written {
			changed = append(changed, lockFile)
		}
	}

	written, err := o.lockImages(ctx, store, images, lock)
	if written {
		changed = append(changed, filepath.Join(o.Dir, pins.FileName))
	}

	return changed, err
}

func (o *Options) lockOne(ctx context.Context, specFile, lockFile string, opts bootstrap.ResolveOptions) (bool, error) {
	spec, err := bootstrap.LoadSpec(specFile)
	if err != nil {
		return false, err
	}

	before, err := os.ReadFile(lockFile)
	if err == nil {
		// A lock that can't be read is written anew.
		opts.Previous, _ = bootstrap.ParseLock(lockFile, before)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the lock: %w", err)
	}

	lock, err := bootstrap.Resolve(ctx, spec, opts)
	if err != nil {
		return false, err
	}

	after, err := lock.Encode()
	if err != nil {
		return false, err
	}

	if string(after) == string(before) {
		return false, nil
	}

	return true, lock.Save(lockFile)
}

// open finds what recipes leave open: the files that say what to lock, of which
// a recipe names the lock, and the images.
func (o *Options) open() (specs []string, images []lower.ImageInput, err error) {
	all := *o
	all.Targets = nil

	for _, platform := range o.platforms() {
		g, err := all.Graph(platform)
		if err != nil {
			return nil, nil, err
		}

		set, err := lower.Inputs(g, targetNames(g)...)
		if err != nil {
			return nil, nil, err
		}

		images = append(images, set.Images...)

		for _, w := range set.Debian {
			base, ok := strings.CutSuffix(w.Lock, lockSuffix)
			if !ok {
				return nil, nil, document.Errors{w.Errorf("%s: a lock's name must end in %s", w.Lock, lockSuffix)}
			}

			if err := inside(g.Tree, w.Lock, base+specSuffix); err != nil {
				return nil, nil, document.Errors{w.Errorf("%v", err)}
			}

			spec := filepath.Join(g.Tree.Dir(), base+specSuffix)

			// A lock without wishes is somebody's own affair.
			if _, err := os.Lstat(filepath.Join(g.Tree.Dir(), w.Lock)); err == nil {
				if _, err := os.Lstat(spec); errors.Is(err, fs.ErrNotExist) {
					continue
				}
			}

			if !slices.Contains(specs, spec) {
				specs = append(specs, spec)
			}
		}
	}

	return specs, images, nil
}

// lockImages writes which digests the tags of images mean now.
func (o *Options) lockImages(ctx context.Context, store *source.Store, wanted []lower.ImageInput, lock LockOptions) (bool, error) {
	before, err := pins.Load(o.Dir)
	if err != nil {
		return false, err
	}

	after := &pins.Pins{Images: map[string]string{}}
	if !lock.Prune {
		maps.Copy(after.Images, before.Images)
	}

	asked := map[string]bool{}

	for _, w := range wanted {
		ref, err := image.Parse(w.Ref)
		if err != nil {
			return false, document.Errors{w.Errorf("%v", err)}
		}

		name := ref.String()
		if ref.Digest() != "" || asked[name] {
			continue
		}

		asked[name] = true

		known, ok := before.Images[name]
		if ok && !lock.Refresh {
			after.Images[name] = known

			continue
		}

		digest, err := image.Resolve(ctx, store, ref)
		if err != nil {
			return false, document.Errors{w.Errorf("%v", err)}
		}

		if digest != known {
			o.logf("%s is %s", name, digest)
		}

		after.Images[name] = digest
	}

	return after.Save(o.Dir)
}
