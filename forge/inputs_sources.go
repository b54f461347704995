package forge

import (
	"context"
	"errors"

	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/debsrc"
	"github.com/akmon-os/akmon/forge/source/git"
)

// sourceAt is a source that a recipe asks for at a place.
func sourceAt(p lower.Place, url, sha256, sha512 string) source.Source {
	return source.Source{Package: p.Package, URL: url, SHA256: sha256, SHA512: sha512, Position: position(p)}
}

// fetchArchives obtains the sources that enter the build as archives which
// Akmon makes: of commits, and of Debian source packages.
func (i *inputs) fetchArchives(ctx context.Context, set *lower.InputSet, store *source.Store) error {
	commits := store.Each(ctx, len(set.Git), func(ctx context.Context, n int) error {
		w := set.Git[n]

		_, err := git.Fetch(ctx, store, git.Wanted{
			Source: sourceAt(w.Place, w.URL, w.SHA256, w.SHA512), Revision: w.Revision, Submodules: w.Submodules,
		})

		return err
	})

	if len(set.DSCs) > 0 {
		i.dirs["made"] = store.MadeDir()
	}

	var packages []error

	// One after the other: each fetches its own files several at a time.
	for _, w := range set.DSCs {
		_, err := debsrc.Fetch(ctx, store, debsrc.Wanted{Source: sourceAt(w.Place, w.URL, w.SHA256, w.SHA512), Unpatched: w.Unpatched})
		packages = append(packages, err)
	}

	return errors.Join(append([]error{commits}, packages...)...)
}
