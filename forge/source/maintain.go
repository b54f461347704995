package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// List returns what is known of every file in the store, sorted by SHA-256.
// Files that are not as they were recorded are hashed again, see Lookup.
func (s *Store) List(ctx context.Context) ([]Meta, error) {
	sums, err := s.sums()
	if err != nil {
		return nil, err
	}

	metas := make([]Meta, 0, len(sums))

	for _, sum := range sums {
		meta, err := s.Lookup(ctx, sum)

		switch {
		case err == nil:
			metas = append(metas, meta)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}

	return metas, nil
}

func (s *Store) sums() ([]string, error) {
	entries, err := os.ReadDir(s.Dir())
	if err != nil {
		return nil, fmt.Errorf("list source store: %w", err)
	}

	var sums []string

	for _, e := range entries {
		if validHex(e.Name(), 64) {
			sums = append(sums, e.Name())
		}
	}

	return sums, nil
}

// GCResult is what a garbage collection removed.
type GCResult struct {
	Files int
	Bytes int64
}

// GC removes the files that keep does not name by their SHA-256, all
// interrupted downloads that nobody is at, and the Go module trees that
// keepTrees does not name by their digest, as well as all archives that were made
// of files and that it does not name. With limit above zero, files that
// are not kept stay as long as the whole store is not larger than limit bytes;
// the largest are removed first.
func (s *Store) GC(ctx context.Context, keep, keepTrees map[string]bool, limit int64) (GCResult, error) {
	var result GCResult

	if err := s.dropPartials(&result); err != nil {
		return result, err
	}

	metas, err := s.List(ctx)
	if err != nil {
		return result, err
	}

	var total int64
	for _, m := range metas {
		total += m.Size
	}

	if limit > 0 && total <= limit {
		return result, nil
	}

	trees, err := os.ReadDir(filepath.Join(s.root, "go"))
	if err != nil {
		return result, fmt.Errorf("collect garbage: %w", err)
	}

	for _, tree := range trees {
		// Those that are being made are for Sweep to judge.
		if keepTrees[tree.Name()] || strings.HasPrefix(tree.Name(), ".") {
			continue
		}

		if err := os.RemoveAll(filepath.Join(s.root, "go", tree.Name())); err != nil {
			return result, fmt.Errorf("collect garbage: %w", err)
		}
	}

	if err := s.dropMade(keepTrees); err != nil {
		return result, err
	}

	slices.SortStableFunc(metas, func(a, b Meta) int { return int(max(min(b.Size-a.Size, 1), -1)) })

	for _, m := range metas {
		if keep[m.SHA256] {
			continue
		}

		if limit > 0 && total <= limit {
			break
		}

		if err := errors.Join(ignoreAbsent(os.Remove(s.Path(m.SHA256))), ignoreAbsent(os.Remove(s.metaPath(m.SHA256)))); err != nil {
			return result, fmt.Errorf("collect garbage: %w", err)
		}

		total -= m.Size
		result.Files++
		result.Bytes += m.Size
	}

	return result, s.dropIndex()
}

// dropPartials removes interrupted downloads that nobody holds.
func (s *Store) dropPartials(result *GCResult) error {
	if err := s.Sweep(); err != nil {
		return err
	}

	entries, err := os.ReadDir(filepath.Join(s.root, "partial"))
	if err != nil {
		return fmt.Errorf("collect garbage: %w", err)
	}

	for _, e := range entries {
		path := filepath.Join(s.root, "partial", e.Name())

		if e.IsDir() {
			continue
		}

		f, err := os.Open(path)
		if err != nil {
			continue
		}

		busy := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil

		if info, err := f.Stat(); err == nil && !busy {
			if err := os.Remove(path); err == nil {
				result.Files++
				result.Bytes += info.Size()
			}
		}

		f.Close()
	}

	return nil
}

// dropIndex removes h1 entries whose file is gone.
func (s *Store) dropIndex() error {
	dir := filepath.Join(s.root, "h1")

	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("collect garbage: %w", err)
	}

	for _, e := range entries {
		path := filepath.Join(dir, e.Name())

		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}

		if _, err := os.Lstat(s.Path(strings.TrimSpace(string(data)))); !errors.Is(err, fs.ErrNotExist) {
			continue
		}

		if err := ignoreAbsent(os.Remove(path)); err != nil {
			return fmt.Errorf("collect garbage: %w", err)
		}
	}

	return nil
}
