package forge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap"
)

const (
	lockSuffix = ".lock.yaml"
	specSuffix = ".yaml"
)

// Lock pins the Debian packages of every debian.yaml (and *.yaml beside a
// *.lock.yaml that a recipe names) in the tree, and returns the lock files
// that changed. Without refresh, a lock whose wishes are unchanged is kept.
func Lock(ctx context.Context, o Options, refresh bool) ([]string, error) {
	store, _, err := o.openStore()
	if err != nil {
		return nil, err
	}

	specs, err := o.specs()
	if err != nil {
		return nil, err
	}

	var changed []string

	for _, specFile := range specs {
		lockFile := strings.TrimSuffix(specFile, specSuffix) + lockSuffix

		written, err := o.lockOne(ctx, specFile, lockFile, bootstrap.ResolveOptions{
			Store: store, Refresh: refresh,
			Log: func(format string, args ...any) { o.logf(specFile+": "+format, args...) },
		})
		if err != nil {
			return changed, err
		}

		if written {
			changed = append(changed, lockFile)
		}
	}

	return changed, nil
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

// specs finds the files that say what to lock: those whose lock a recipe
// depends on. They are the same for all platforms.
func (o *Options) specs() ([]string, error) {
	all := *o
	all.Targets = nil

	g, err := all.Graph(o.platforms()[0])
	if err != nil {
		return nil, err
	}

	var specs []string

	for _, n := range g.Packages() {
		for _, e := range n.Edges {
			lock := e.Lock()
			if lock == "" {
				continue
			}

			base, ok := strings.CutSuffix(lock, lockSuffix)
			if !ok {
				return nil, fmt.Errorf("%s: a lock's name must end in %s", lock, lockSuffix)
			}

			if spec := filepath.Join(g.Tree.Dir(), base+specSuffix); !slices.Contains(specs, spec) {
				specs = append(specs, spec)
			}
		}
	}

	return specs, nil
}
