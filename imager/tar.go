package imager

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/akmon-os/akmon/media/extent"
)

// WriteTar streams the asset to w as a gzip-compressed tar archive with one
// member, as documented for --tar-to-stdout. The first bytes go out at once.
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
	// The content is compressed already; a higher level costs time only.
	zw, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("starting the compressor: %w", err)
	}

	tw := tar.NewWriter(zw)

	t := a.time
	if t.IsZero() {
		t = time.Unix(0, 0)
	}

	if err := tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: a.Name, Size: a.List.Size(), Mode: 0o644, ModTime: t.UTC(),
	}); err != nil {
		return err
	}

	if err := zw.Flush(); err != nil {
		return err
	}

	if _, err := a.List.WriteTo(tw); err != nil {
		return err
	}

	if err := a.verify(ctx); err != nil {
		return err
	}

	if err := tw.Close(); err != nil {
		return err
	}

	return zw.Close()
}
