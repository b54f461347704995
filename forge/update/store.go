package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/source"
)

// download puts a new source into the store.
func (r *run) download(ctx context.Context, pkg, address string) (source.Meta, error) {
	if r.Store == nil || r.Store.Offline() {
		return source.Meta{}, fmt.Errorf("download %s: there is no network to use", address)
	}

	// The client's timeout is for answers, not for large files.
	client := *r.Client
	client.Timeout = 0

	var errs []error

	for _, place := range r.Store.Places(address) {
		body, err := openPlace(ctx, &client, place)
		if err != nil {
			errs = append(errs, err)

			continue
		}

		meta, err := r.Store.Add(ctx, body, pkg, address)
		body.Close() //nolint:errcheck,gosec // only read

		if err == nil {
			return meta, nil
		}

		errs = append(errs, fmt.Errorf("download %s: %w", place, err))
	}

	return source.Meta{}, errors.Join(errs...)
}

func openPlace(ctx context.Context, client *http.Client, place string) (io.ReadCloser, error) {
	if file, ok := strings.CutPrefix(place, "file://"); ok {
		return os.Open(file)
	}

	resp, err := open(ctx, client, place)
	if err != nil {
		return nil, err
	}

	return resp.Body, nil
}

// save writes the changed documents, each whole or not at all.
func (r *run) save() error {
	for _, file := range slices.Sorted(maps.Keys(r.changed)) {
		name, err := filepath.EvalSymlinks(r.name(file))
		if err != nil {
			return fmt.Errorf("write %s: %w", r.name(file), err)
		}

		info, err := os.Stat(name)
		if err == nil {
			err = source.WriteFile(name, r.changed[file])
		}

		if err == nil {
			err = os.Chmod(name, info.Mode().Perm())
		}

		if err != nil {
			return fmt.Errorf("write %s: %w", r.name(file), err)
		}
	}

	return nil
}
