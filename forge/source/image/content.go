package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source"
)

// Content gives the store's files to BuildKit as blobs, to read only.
func Content(store *source.Store) content.Store { return readOnly{store: store} }

type readOnly struct{ store *source.Store }

func (c readOnly) stat(dgst digest.Digest) (string, os.FileInfo, error) {
	if dgst.Validate() != nil || dgst.Algorithm() != digest.SHA256 {
		return "", nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrInvalidArgument)
	}

	path := c.store.Path(dgst.Encoded())

	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	}

	return path, info, err
}

// Info implements content.Store.
func (c readOnly) Info(_ context.Context, dgst digest.Digest) (content.Info, error) {
	_, info, err := c.stat(dgst)
	if err != nil {
		return content.Info{}, err
	}

	return content.Info{Digest: dgst, Size: info.Size(), CreatedAt: info.ModTime(), UpdatedAt: info.ModTime()}, nil
}

// ReaderAt implements content.Store.
func (c readOnly) ReaderAt(_ context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	path, info, err := c.stat(desc.Digest)
	if err != nil {
		return nil, err
	}

	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	return reader{file, info.Size()}, nil
}

type reader struct {
	*os.File

	size int64
}

// Size implements content.ReaderAt.
func (r reader) Size() int64 { return r.size }

func refused(what string) error {
	return fmt.Errorf("%s the source store as a content store: %w", what, errdefs.ErrNotImplemented)
}

// Update implements content.Store.
func (readOnly) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, refused("change")
}

// Walk implements content.Store: a store has files that are no blobs, so that
// nothing is listed.
func (readOnly) Walk(context.Context, content.WalkFunc, ...string) error { return nil }

// Delete implements content.Store.
func (readOnly) Delete(context.Context, digest.Digest) error { return refused("delete from") }

// Status implements content.Store.
func (readOnly) Status(_ context.Context, ref string) (content.Status, error) {
	return content.Status{}, fmt.Errorf("write %s: %w", ref, errdefs.ErrNotFound)
}

// ListStatuses implements content.Store.
func (readOnly) ListStatuses(context.Context, ...string) ([]content.Status, error) { return nil, nil }

// Abort implements content.Store.
func (readOnly) Abort(context.Context, string) error { return refused("write to") }

// Writer implements content.Store.
func (readOnly) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, refused("write to")
}
