package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/source"
)

// workPrefix begins the names of directories in which something is assembled.
const workPrefix = ".assemble-"

// workDir makes a directory to assemble in, locked for as long as this process
// lives; done removes it. What killed processes left is removed before.
func workDir(cache string) (dir string, done func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, err
	}

	if err := Sweep(cache); err != nil {
		return "", nil, err
	}

	if dir, err = os.MkdirTemp(cache, workPrefix+"*"); err != nil {
		return "", nil, err
	}

	lock, err := source.Hold(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}

	return dir, func() {
		os.RemoveAll(dir) //nolint:errcheck // what stays is swept the next time
		lock.Close()
	}, nil
}

// Sweep removes from a cache what killed processes were assembling.
func Sweep(cache string) error {
	if err := source.SweepDir(cache, workPrefix); err != nil {
		return fmt.Errorf("remove what a killed process left: %w", err)
	}

	return nil
}

// List returns the userlands that a cache holds, sorted by their digests. No
// cache holds none.
func List(cache string) ([]Image, error) {
	entries, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list bootstrap cache: %w", err)
	}

	var images []Image

	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}

		if image, err := openImage(filepath.Join(cache, e.Name())); err == nil {
			image.Cached = true
			images = append(images, image)
		}
	}

	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Digest, b.Digest) })

	return images, nil
}

// Cached returns the userland that a cache holds of a lock, if it does.
func Cached(cache string, lock *Lock, arch string) (Image, bool) {
	key, err := lock.key(arch)
	if err != nil {
		return Image{}, false
	}

	image, err := openImage(filepath.Join(cache, key))
	image.Cached = err == nil

	return image, err == nil
}

// Clean removes from a cache all userlands but those whose manifest digest
// keep has, damaged ones, and what killed processes left. It returns how many
// bytes of layers that were.
func Clean(cache string, keep map[string]bool) (int64, error) {
	entries, err := os.ReadDir(cache)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}

	if err != nil {
		return 0, fmt.Errorf("clean bootstrap cache: %w", err)
	}

	var freed int64

	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}

		path := filepath.Join(cache, e.Name())

		image, err := openImage(path)
		if err == nil && keep[image.Digest] {
			continue
		}

		if err := os.RemoveAll(path); err != nil {
			return freed, fmt.Errorf("clean bootstrap cache: %w", err)
		}

		freed += image.Size
	}

	if err := Sweep(cache); err != nil {
		return freed, fmt.Errorf("clean bootstrap cache: %w", err)
	}

	return freed, nil
}
