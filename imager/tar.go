package imager

import (
	"context"
	"io"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/pack"
)

// WriteTar streams the asset to w as a gzip-compressed tar archive with one
// member, as documented for --tar-to-stdout. The first bytes go out at once,
// unless the content is compressed itself: that goes to a nameless temporary
// file before.
//
// The inputs' digests are known only when all has been read: where one turns
// out wrong the archive is left without its end, so that what reads it fails
// too.
func (a *Asset) WriteTar(ctx context.Context, w io.Writer) (Result, error) {
	if err := a.writeTar(ctx, w); err != nil {
		return Result{}, extent.Explain(a.Name+" to standard output", err)
	}

	return a.Result, nil
}

func (a *Asset) writeTar(ctx context.Context, w io.Writer) error {
	list := a.List
	if list == nil {
		// A tar archive says first how long the file is.
		var err error
		if list, err = a.spool(ctx, a.encode); err != nil {
			return err
		}

		a.Result.Size = list.Size()
	}

	archive, err := pack.Tar(a.Name, list, a.time)
	if err != nil {
		return err
	}

	// The content is compressed already; a higher level costs time only.
	return pack.Write(ctx, w, archive, pack.Gzip, pack.Options{
		Level:  1,
		Finish: func() error { return a.verify(ctx) },
	})
}
