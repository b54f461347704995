package diff

import (
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
)

func (c *comparer) gzip(p place, a, b *io.SectionReader) error {
	var heads [2]gzip.Header

	plain, err := c.unpackBoth(a, b, func(i int, r io.Reader) (*io.SectionReader, error) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, opaque("gzip", err)
		}

		heads[i] = z.Header

		return c.keep("gzip", z)
	})
	if err != nil {
		return err
	}

	c.value(p, "gzip header: time", heads[0].ModTime.UTC(), heads[1].ModTime.UTC())
	c.value(p, "gzip header: name", heads[0].Name, heads[1].Name)

	return c.compare(p.in("gzip"), plain[0], plain[1])
}

func (c *comparer) zstd(p place, a, b *io.SectionReader) error {
	plain, err := c.unpackBoth(a, b, func(_ int, r io.Reader) (*io.SectionReader, error) { return c.unzstd(r) })
	if err != nil {
		return err
	}

	return c.compare(p.in("zstd"), plain[0], plain[1])
}

// maxWindow is what the kernel's `zstd --ultra -22` needs and more.
const maxWindow = 1 << 29

func (c *comparer) unzstd(r io.Reader) (*io.SectionReader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("starting a zstd decoder: %w", err)
	}
	defer z.Close()

	return c.keep("zstd", z)
}

func (c *comparer) xz(p place, a, b *io.SectionReader) error {
	plain, err := c.unpackBoth(a, b, func(_ int, r io.Reader) (*io.SectionReader, error) { return c.unxz(r) })
	if err != nil {
		return err
	}

	return c.compare(p.in("xz"), plain[0], plain[1])
}

func (c *comparer) unxz(r io.Reader) (*io.SectionReader, error) { return c.keep("xz", xz.NewReader(r)) }

func (c *comparer) ungzip(r io.Reader) (*io.SectionReader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, opaque("gzip", err)
	}

	return c.keep("gzip", z)
}

// unpackBoth unpacks two files.
func (c *comparer) unpackBoth(a, b *io.SectionReader, unpack func(i int, r io.Reader) (*io.SectionReader, error)) (plain [2]*io.SectionReader, err error) {
	for i, r := range []*io.SectionReader{a, b} {
		if plain[i], err = unpack(i, whole(r)); err != nil {
			return plain, err
		}
	}

	return plain, nil
}
