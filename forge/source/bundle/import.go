package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/source"
)

// Result is what an import did.
type Result struct {
	Files int   `json:"files"` // in the bundle
	Bytes int64 `json:"bytes"` // of them
	Added int   `json:"added"` // that the store did not have
}

// Import takes a bundle into the store: all of it, or nothing. Every file is
// hashed, even if the store has it already. An import that ends early leaves
// the store as it was; one whose process is killed leaves no more than a
// directory that the next one removes.
func Import(ctx context.Context, store *source.Store, r io.Reader) (result *Result, err error) {
	in := tar.NewReader(r)

	index, err := readIndex(in)
	if err != nil {
		return nil, fmt.Errorf("import a bundle: %w", err)
	}

	stage, err := store.NewStage()
	if err != nil {
		return nil, fmt.Errorf("import a bundle: %w", err)
	}

	defer func() { err = errors.Join(err, stage.Discard()) }()

	i := &importer{store: store, stage: stage, index: index, result: &Result{Files: len(index.Files)}}

	for _, step := range []func(context.Context, *tar.Reader) error{i.room, i.files, i.check, i.take} {
		if err := step(ctx, in); err != nil {
			return nil, fmt.Errorf("import a bundle: %w", err)
		}
	}

	return i.result, nil
}

// errNotBundle is what is wrong with most files that are no bundle.
var errNotBundle = errors.New("this is not a bundle: `akmon store export` makes one")

func readIndex(in *tar.Reader) (*Index, error) {
	header, err := in.Next()
	if err != nil || header.Name != IndexName || header.Typeflag != tar.TypeReg {
		return nil, errNotBundle
	}

	if header.Size > maxIndex {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", IndexName, header.Size, maxIndex)
	}

	data, err := io.ReadAll(in)
	if err != nil {
		return nil, cut(err)
	}

	return parseIndex(data)
}

// cut says what the end of a tar in the middle of it means.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the bundle is cut short: %w", io.ErrUnexpectedEOF)
	}

	return err
}

type importer struct {
	store  *source.Store
	stage  *source.Stage
	index  *Index
	have   map[string]bool
	result *Result
}

// room finds out which files are new, and whether the disk has room for them,
// before anything is written.
func (i *importer) room(ctx context.Context, _ *tar.Reader) error {
	var need int64

	i.have = map[string]bool{}

	for _, f := range i.index.Files {
		i.result.Bytes += f.Size

		if _, err := i.store.Lookup(ctx, f.SHA256); err == nil {
			i.have[f.SHA256] = true
		} else {
			need += f.Size
			i.result.Added++
		}
	}

	var fs unix.Statfs_t
	if unix.Statfs(i.store.Root(), &fs) != nil {
		return nil
	}

	if free := int64(fs.Bavail) * fs.Bsize; need > free { //nolint:unconvert // the types differ by architecture
		return fmt.Errorf("%s has room for %d MiB, the bundle needs %d: %w", i.store.Root(), free>>20, need>>20+1, unix.ENOSPC)
	}

	return nil
}

// files stages what is new and hashes what is not.
func (i *importer) files(ctx context.Context, in *tar.Reader) error {
	for _, f := range i.index.Files {
		header, err := in.Next()
		if err != nil {
			return cut(err)
		}

		if header.Name != f.entry() || header.Typeflag != tar.TypeReg || header.Size != f.Size {
			return fmt.Errorf("the bundle has %s where %s should be", header.Name, f.entry())
		}

		want := source.Meta{SHA256: f.SHA256, SHA512: f.SHA512, Package: f.Package, URL: f.URL}

		if i.have[f.SHA256] {
			err = source.Check(ctx, in, want)
		} else {
			err = i.stage.Put(ctx, in, want)
		}

		if err != nil {
			return cut(err)
		}
	}

	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		return errors.New("the bundle goes on after its last file")
	}

	return nil
}

// check makes sure that notes are about files that are there, and true.
func (i *importer) check(context.Context, *tar.Reader) error {
	known := map[string]bool{}
	for _, f := range i.index.Files {
		known[f.SHA256] = true
	}

	for _, x := range i.index.Modules {
		if !known[x.SHA256] {
			return fmt.Errorf("the bundle has no file for the Go module with the sum %s", x.H1)
		}

		if err := x.Check(i.stage.Path(x.SHA256)); err != nil {
			return err
		}
	}

	for _, r := range i.index.Images {
		if !known[strings.TrimPrefix(r.Digest, "sha256:")] {
			return fmt.Errorf("the bundle has no file for the image %s", r.Ref)
		}
	}

	return nil
}

// take gives everything its place: files first, then what is noted about them.
func (i *importer) take(ctx context.Context, _ *tar.Reader) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}

	if err := i.stage.Commit(); err != nil {
		return err
	}

	for _, x := range i.index.Modules {
		if err := x.Save(i.store); err != nil {
			return err
		}
	}

	for _, r := range i.index.Images {
		if err := r.Save(i.store); err != nil {
			return err
		}
	}

	return nil
}
