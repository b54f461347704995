package bootstrap

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/pkg/archive"
	"golang.org/x/sync/errgroup"
)

// Unpack puts the userland of one architecture into dir, an empty directory, as
// BuildKit would unpack the image that [Assemble] makes of it: the same files
// with the same owners, modes and times. It needs root. paths are the packages,
// in the order of [Lock.Sources]; scratch is a directory for temporary files,
// about as large as the result.
func (l *Lock) Unpack(ctx context.Context, arch string, paths []string, dir, scratch string) error {
	if len(paths) != len(l.Userlands[arch]) {
		return fmt.Errorf("unpack bootstrap for %s: %d files for %d packages", arch, len(paths), len(l.Userlands[arch]))
	}

	r, w := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)

	group.Go(func() error {
		err := l.writeLayer(ctx, w, scratch, arch, paths, 0)
		w.CloseWithError(err)

		return err
	})

	group.Go(func() error {
		_, err := archive.Apply(ctx, dir, r)
		// What is left of the archive is padding.
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}

		r.CloseWithError(err)

		return err
	})

	if err := group.Wait(); err != nil {
		return fmt.Errorf("unpack bootstrap for %s: %w", arch, err)
	}

	return nil
}
