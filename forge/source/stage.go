package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// stagePrefix begins the names of directories of files that are not yet the
// store's.
const stagePrefix = "stage-"

// Stage holds files that become a store's all together or not at all. It is
// for one goroutine.
type Stage struct {
	store *Store
	dir   string
	lock  *os.File
	files []staged
}

type staged struct {
	sums Sums
	meta Meta
}

// NewStage begins a stage. What a process that died had staged is removed.
func (s *Store) NewStage() (*Stage, error) {
	if err := s.Sweep(); err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp(filepath.Join(s.root, "partial"), stagePrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("stage files: %w", err)
	}

	lock, err := Hold(dir)
	if err != nil {
		return nil, fmt.Errorf("stage files: %w", errors.Join(err, os.RemoveAll(dir)))
	}

	return &Stage{store: s, dir: dir, lock: lock}, nil
}

// Put writes the bytes of r to the stage. Bytes that have not the wanted
// SHA-256 are an error, and not kept.
func (g *Stage) Put(ctx context.Context, r io.Reader, want Meta) error {
	file, err := os.OpenFile(g.path(want.SHA256), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("stage %s: %w", want.SHA256, err)
	}
	defer file.Close()

	sink := newSink(file)
	if _, err := io.Copy(sink, contextReader{ctx, r}); err != nil {
		return fmt.Errorf("stage %s: %w", want.SHA256, err)
	}

	sums := sink.sums()
	if err := want.check(sums); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}

	if err := file.Sync(); err != nil {
		return fmt.Errorf("stage %s: %w", want.SHA256, err)
	}

	g.files = append(g.files, staged{sums, Meta{Package: want.Package, URL: want.URL}})

	return nil
}

// check compares a file's sums with those that are wanted.
func (m Meta) check(got Sums) error {
	if got.SHA256 != m.SHA256 || (m.SHA512 != "" && got.SHA512 != m.SHA512) {
		return &SumError{
			Source: Source{Package: m.Package, URL: m.URL, SHA256: m.SHA256, SHA512: m.SHA512}, URL: m.URL, Got: got,
		}
	}

	return nil
}

// Check reads r to its end and compares its sums with those that are wanted.
func Check(ctx context.Context, r io.Reader, want Meta) error {
	sink := newSink(nil)
	if _, err := io.Copy(io.MultiWriter(sink.s256, sink.s512), contextReader{ctx, r}); err != nil {
		return fmt.Errorf("check %s: %w", want.SHA256, err)
	}

	return want.check(sink.sums())
}

func (g *Stage) path(sum string) string { return filepath.Join(g.dir, sum) }

// Path is where a file is now: staged or in the store.
func (g *Stage) Path(sum string) string {
	for _, f := range g.files {
		if f.sums.SHA256 == sum {
			return g.path(sum)
		}
	}

	return g.store.Path(sum)
}

// Commit gives every staged file its place in the store.
func (g *Stage) Commit() error {
	for _, f := range g.files {
		file, err := os.Open(g.path(f.sums.SHA256))
		if err != nil {
			return fmt.Errorf("take staged files in: %w", err)
		}

		_, err = g.store.commit(file, f.sums, f.meta)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("take staged files in: %w", err)
		}
	}

	g.files = nil

	return nil
}

// Discard removes the stage, and what of it was not taken in.
func (g *Stage) Discard() error {
	err := os.RemoveAll(g.dir)

	return errors.Join(err, g.lock.Close())
}
