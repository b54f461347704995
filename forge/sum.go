package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/git"
)

// Sum gives a source with its sums, as a recipe has it: of the file at an
// address; with a revision, of the commit in the Git repository there. What it
// fetched stays in the store. Nothing vouches for it but the address, which is
// therefore asked before its mirrors.
func Sum(ctx context.Context, o Options, address, revision string, submodules bool) (string, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is not a URL", address)
	}

	store, _, err := o.openStore()
	if err != nil {
		return "", err
	}

	if o.Offline {
		return "", errors.New("sums are those of what is at an address: they can't be had offline")
	}

	places := store.Places(address)
	places = append(places[len(places)-1:], places[:len(places)-1]...)

	if revision != "" {
		return sumGit(ctx, store, places, revision, submodules)
	}

	kind := "url"
	if strings.HasSuffix(address, ".dsc") {
		kind = "debian"
	}

	meta, err := store.Obtain(ctx, source.Wanted{
		Source: source.Source{URL: address}, Name: "sum-" + source.SumBytes([]byte(address)).SHA256, Places: places, Fresh: true,
		Check: func(string, string, source.Sums) error { return nil },
	})
	if err != nil {
		return "", err
	}

	return fmt.Sprintf("- %s: %s\n  sha256: %s\n  sha512: %s\n", kind, address, meta.SHA256, meta.SHA512), nil
}

func sumGit(ctx context.Context, store *source.Store, places []string, revision string, submodules bool) (string, error) {
	var errs []error

	for _, place := range places {
		read, write := io.Pipe()

		var commit string

		go func() {
			var err error

			commit, err = git.Archive(ctx, store, place, git.Wanted{
				Source: source.Source{URL: places[0]}, Revision: revision, Submodules: submodules,
			}, write)
			write.CloseWithError(err) //nolint:errcheck // never fails
		}()

		// The pipe's end comes after commit is set.
		meta, err := store.Add(ctx, read, "", places[0])
		read.Close() //nolint:errcheck // never fails

		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))

			continue
		}

		var out bytes.Buffer

		fmt.Fprintf(&out, "- git: %s\n  commit: %s\n", places[0], commit)

		if submodules {
			out.WriteString("  submodules: true\n")
		}

		fmt.Fprintf(&out, "  sha256: %s\n  sha512: %s\n", meta.SHA256, meta.SHA512)

		return out.String(), nil
	}

	return "", fmt.Errorf("get %s of %s: %w", revision, path.Base(places[0]), errors.Join(errs...))
}
