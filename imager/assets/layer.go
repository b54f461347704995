package assets

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/media/extent"
)

// layer is one file system layer of an image.
type layer struct {
	// digest of the stored bytes ("sha256:…"), or empty if something else
	// checks it.
	digest string
	// local holds a layer that is in a file; open streams any other.
	local *extent.List
	open  func() (io.ReadCloser, error)
}

// maxWindow bounds what a zstd frame may ask a decoder to remember, in bytes.
const maxWindow = 64 << 20

// search looks for the wanted files, in the layers from top to bottom.
type search struct {
	ctx  context.Context
	o    *Options
	set  *Set
	seen map[string]bool // architectures below InstallDir
	gone map[string]bool // wanted files that an upper layer deleted
}

// image fills a set from an image's layers, which are in the order of the
// manifest: bottom first.
func (s *Set) image(ctx context.Context, layers []layer, o *Options) error {
	ctx, s.cancel = context.WithCancel(ctx)
	x := &search{ctx: ctx, o: o, set: s, seen: map[string]bool{}, gone: map[string]bool{}}

	for _, l := range slices.Backward(layers) {
		if x.complete() {
			break
		}

		if err := x.layer(l); err != nil {
			return err
		}
	}

	return s.finish(o, x.seen)
}

func (x *search) complete() bool {
	for _, n := range x.o.Names {
		if x.set.files[n] == nil && !x.gone[n] {
			return false
		}
	}

	return true
}

// layer searches one layer.
func (x *search) layer(l layer) error {
	if l.local != nil && !compressed(l.local) {
		sr := l.local.NewReader()
		if err := x.tar(sr, func() (int64, error) { return sr.Seek(0, io.SeekCurrent) }, l.local); err != nil {
			return fmt.Errorf("reading layer %s: %w", l.digest, err)
		}

		x.set.checks = append(x.set.checks, x.check(l))

		return nil
	}

	var raw io.Reader

	if l.local != nil {
		raw = l.local.NewReader()
	} else {
		rc, err := l.open()
		if err != nil {
			return fmt.Errorf("fetching a layer: %w", err)
		}
		defer rc.Close()

		raw = rc
	}

	sum := sha256.New()
	raw = io.TeeReader(contextReader{x.ctx, raw}, sum)

	if err := x.stream(raw); err != nil {
		return fmt.Errorf("reading layer %s: %w", l.digest, err)
	}

	return compare(l.digest, sum)
}

// stream unpacks a layer of any compression.
func (x *search) stream(raw io.Reader) error {
	br := bufio.NewReaderSize(raw, 256<<10)
	head, _ := br.Peek(4)

	var r io.Reader = br

	switch {
	case isGzip(head):
		zr, err := gzip.NewReader(br)
		if err != nil {
			return err
		}

		r = zr
	case isZstd(head):
		zr, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		defer zr.Close()

		r = zr
	}

	if err := x.tar(r, nil, nil); err != nil {
		return err
	}

	// The rest counts for the digest.
	_, err := io.Copy(io.Discard, br)

	return err
}

func isGzip(b []byte) bool { return len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b }

func isZstd(b []byte) bool { return len(b) >= 4 && string(b[:4]) == "\x28\xb5\x2f\xfd" }

func compressed(l *extent.List) bool {
	var b [4]byte

	_, err := l.ReadAt(b[:], 0)

	return err == nil && (isGzip(b[:]) || isZstd(b[:]))
}

// check compares a local layer with its digest in the background.
func (x *search) check(l layer) <-chan error {
	done := make(chan error, 1)

	go func() {
		defer close(done)

		sum := sha256.New()
		if l.digest != "" {
			if _, err := io.CopyBuffer(sum, struct{ io.Reader }{contextReader{x.ctx, l.local.NewReader()}},
				make([]byte, 1<<18)); err != nil {
				done <- fmt.Errorf("checking layer %s: %w", l.digest, err)
				return
			}
		}

		done <- compare(l.digest, sum)
	}()

	return done
}

func compare(want string, sum hash.Hash) error {
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); want != "" && got != want {
		return fmt.Errorf("layer %s is damaged: its content has the digest %s", want, got)
	}

	return nil
}

// contextReader stops a long read when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}

	return r.r.Read(p)
}
