package diff

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Difference is one thing that is not the same in two files.
type Difference struct {
	// Path leads to it from outside in: file names, sections, "zstd".
	Path []string `json:"path"`
	// Text says in one or a few lines what differs: values or excerpts.
	Text string `json:"text"`
	// Offset of the first byte that differs in what Path leads to; -1 where
	// it is not bytes that were compared.
	Offset int64 `json:"offset"`
	// Known says why the difference is none of code; see the package comment.
	// Empty means that it is one.
	Known string `json:"known,omitempty"`
	// Files are the files on the way, from outside in.
	Files []File `json:"files,omitempty"`
}

// File is a file that an archive or file system holds in two forms.
type File struct {
	// Path is its name there, without a leading slash.
	Path string `json:"path"`
	// First and Second are the SHA-256 of its content, in hexadecimal; empty
	// where there is none.
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
}

// Where is the path as one text.
func (d Difference) Where() string { return strings.Join(d.Path, " » ") }

// Options bound the work.
type Options struct {
	// Temp is the directory for what is unpacked and too large for memory;
	// empty means the system's.
	Temp string
	// Limit is how many differences are listed; 0 means 200.
	Limit int
}

const (
	defaultLimit = 200
	// maxDepth bounds archives in archives.
	maxDepth = 24
)

// Result is what a comparison found.
type Result struct {
	// Differences are in the order of the first file.
	Differences []Difference `json:"differences"`
	// Omitted is how many more there are than Options.Limit.
	Omitted int `json:"omitted,omitempty"`
}

// Equal says that the files are the same bytes.
func (r *Result) Equal() bool { return len(r.Differences) == 0 }

// Explained says that every difference is one of the known ones.
func (r *Result) Explained() bool {
	return r.Omitted == 0 && !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Known == "" })
}

// Compare compares two files; name is what they are called. Files that can't
// be understood are no error: they are compared as bytes. Errors are those of
// reading, and that of ctx.
func Compare(ctx context.Context, name string, a, b *io.SectionReader, o Options) (*Result, error) {
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}

	c := &comparer{ctx: ctx, options: o, result: &Result{}}
	err := c.compare(place{path: []string{name}}, a, b)

	return c.result, errors.Join(err, c.spooled.close())
}

// comparer is one call of Compare.
type comparer struct {
	ctx     context.Context //nolint:containedctx // lives as long as one call
	options Options
	result  *Result
	spooled spool
}

// place is how a comparison was reached.
type place struct {
	path  []string
	files []File
	// kernel: inside of a Linux kernel image.
	kernel bool
}

// in is a place one step further inside.
func (p place) in(name string) place {
	p.path = append(slices.Clip(p.path), name)

	return p
}

// file is the place of a file of an archive. Either may be nil.
func (p place) file(name string, a, b *io.SectionReader) (place, error) {
	f := File{Path: strings.TrimPrefix(strings.TrimPrefix(name, "."), "/")}

	for sum, r := range map[*string]*io.SectionReader{&f.First: a, &f.Second: b} {
		if r == nil {
			continue
		}

		h := sha256.New()
		if _, err := io.Copy(h, whole(r)); err != nil {
			return p, fmt.Errorf("reading %s: %w", name, err)
		}

		*sum = hex.EncodeToString(h.Sum(nil))
	}

	p.files = append(slices.Clip(p.files), f)

	return p.in(name), nil
}

// add lists a difference. Known ones of one kind are many (a signature for
// each module), and all of them are counted.
func (c *comparer) add(p place, d Difference) {
	if len(c.result.Differences) >= c.options.Limit && d.Known == "" {
		c.result.Omitted++

		return
	}

	d.Path, d.Files = p.path, p.files
	c.result.Differences = append(c.result.Differences, d)
}

// value lists a difference of a property.
func (c *comparer) value(p place, what string, a, b any) {
	if a != b {
		c.add(p, Difference{Text: fmt.Sprintf("%s: %v | %v", what, a, b), Offset: -1})
	}
}

// errOpaque says that a file is not what its first bytes promised, or more
// than this package reads.
var errOpaque = errors.New("it can't be looked into")

// compare compares two files of whatever format.
func (c *comparer) compare(p place, a, b *io.SectionReader) error {
	if err := c.ctx.Err(); err != nil {
		return context.Cause(c.ctx)
	}

	offset, err := firstDifference(a, b)
	if err != nil || offset < 0 {
		return err
	}

	handled, err := c.inside(p, a, b)
	if handled || err != nil {
		return err
	}

	return c.leaf(p, a, b, offset, "")
}

// inside looks into a format that both files have. It tells whether that
// explained all.
func (c *comparer) inside(p place, a, b *io.SectionReader) (bool, error) {
	f := formatOf(a)
	if f == nil || len(p.path) > maxDepth || formatOf(b) != f {
		return false, nil
	}

	before := *c.result
	before.Differences = slices.Clip(before.Differences)

	err := f.compare(c, p, a, b)

	switch {
	case errors.Is(err, errOpaque):
		*c.result = before

		return false, nil
	case err != nil:
		return false, err
	case len(c.result.Differences) > len(before.Differences) || c.result.Omitted > before.Omitted:
		return true, nil
	}

	// All that is inside is equal: it is the wrapping that differs.
	offset, err := firstDifference(a, b)
	if err != nil {
		return false, err
	}

	return true, c.leaf(p, a, b, offset, "what is inside is equal, the "+f.name+" itself is not; ")
}

// opaque is an error of a format's reader: the file is then compared as bytes.
func opaque(format string, err error) error {
	return fmt.Errorf("%s: %w: %w", format, errOpaque, err)
}

// format is a file format that can be looked into.
type format struct {
	name    string
	is      func(head []byte, r *io.SectionReader) bool
	compare func(c *comparer, p place, a, b *io.SectionReader) error
}

func magic(at int, text string) func([]byte, *io.SectionReader) bool {
	return func(head []byte, _ *io.SectionReader) bool {
		return len(head) >= at && bytes.HasPrefix(head[at:], []byte(text))
	}
}

// formats are looked at in this order: a kernel image is also a PE image, a
// signed module also an ELF file.
var formats []*format

func init() {
	formats = []*format{
		{"gzip wrapping", magic(0, "\x1f\x8b\x08"), (*comparer).gzip},
		{"zstd wrapping", magic(0, "\x28\xb5\x2f\xfd"), (*comparer).zstd},
		{"xz wrapping", magic(0, "\xfd7zXZ\x00"), (*comparer).xz},
		{"kernel image", isBzImage, (*comparer).bzImage},
		{"kernel image", magic(0, "MZ\x00\x00zimg"), (*comparer).zboot},
		{"signature", isSigned, (*comparer).signed},
		{"ELF file", magic(0, "\x7fELF"), (*comparer).elf},
		{"PE file", magic(0, "MZ"), (*comparer).pe},
		{"squashfs", magic(0, "hsqs"), (*comparer).squashfs},
		{"cpio archive", magic(0, "07070"), (*comparer).cpio},
		{"tar archive", magic(257, "ustar"), (*comparer).tar},
		{"ar archive", magic(0, "!<arch>\n"), (*comparer).ar},
	}
}

// headSize is what formats are told by: the boot sector of a kernel, and the
// first block of a tar archive.
const headSize = 0x250

func formatOf(r *io.SectionReader) *format {
	head := make([]byte, min(headSize, r.Size()))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}

	for _, f := range formats {
		if f.is(head, r) {
			return f
		}
	}

	return nil
}
