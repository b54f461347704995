package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// entry is one entry of a package.
type entry struct {
	pkg    string
	name   string // as in the package, cleaned, without a leading slash; "" is the root
	kind   byte   // tar.TypeReg, TypeDir, TypeSymlink or TypeLink
	mode   int64
	uid    int
	gid    int
	target string   // of a symbolic link as it is; of a hard link like name
	data   *content // of a file
}

// content is the bytes of a file: in a scratch file, or at hand.
type content struct {
	file   *os.File
	offset int64
	size   int64
	bytes  []byte
}

func (c *content) open() io.Reader {
	if c.file == nil {
		return strings.NewReader(string(c.bytes))
	}

	return io.NewSectionReader(c.file, c.offset, c.size)
}

// equal compares two contents.
func (c *content) equal(o *content) (bool, error) {
	if c == o {
		return true, nil
	}

	if c.size != o.size {
		return false, nil
	}

	a, b := c.open(), o.open()
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)

	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)

		if n != m || string(bufA[:n]) != string(bufB[:m]) {
			return false, nil
		}

		switch {
		case errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF):
			return true, nil
		case errA != nil || errB != nil:
			return false, errors.Join(errA, errB)
		}
	}
}

// unpack reads a package; file takes the contents.
func unpack(ctx context.Context, pkg Package, file *os.File) ([]entry, error) {
	stream, err := pkg.Open()
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", pkg.Name, err)
	}
	defer stream.Close()

	var (
		entries []entry
		offset  int64
		in      = tar.NewReader(stream)
		buf     = make([]byte, 256<<10)
	)

	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}

		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return nil, fmt.Errorf("unpack %s: %w", pkg.Name, err)
		}

		e, err := newEntry(pkg.Name, header)
		if err != nil {
			return nil, fmt.Errorf("unpack %s: %w", pkg.Name, err)
		}

		if e.kind == tar.TypeReg {
			n, err := io.CopyBuffer(struct{ io.Writer }{file}, in, buf)
			if err != nil {
				return nil, fmt.Errorf("unpack %s: %s: %w", pkg.Name, header.Name, err)
			}

			e.data = &content{file: file, offset: offset, size: n}
			offset += n
		}

		entries = append(entries, e)
	}

	// What follows the last entry belongs to the checks of the compression.
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", pkg.Name, err)
	}

	return entries, nil
}

func newEntry(pkg string, h *tar.Header) (entry, error) {
	e := entry{pkg: pkg, kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, target: h.Linkname}

	var err error
	if e.name, err = cleanName(h.Name); err != nil {
		return entry{}, err
	}

	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
		e.target = ""
	case tar.TypeSymlink:
		e.mode = 0o777

		if h.Linkname == "" {
			return entry{}, fmt.Errorf("%s: the symbolic link leads nowhere", h.Name)
		}
	case tar.TypeLink:
		if e.target, err = cleanName(h.Linkname); err != nil {
			return entry{}, err
		}
	default:
		return entry{}, fmt.Errorf("%s: entries of tar type %q are not supported", h.Name, h.Typeflag)
	}

	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			return entry{}, fmt.Errorf("%s: extended attributes are not supported", h.Name)
		}
	}

	if strings.HasPrefix(path.Base(e.name), ".wh.") {
		return entry{}, fmt.Errorf("%s: in an image layer, this name means a deletion", h.Name)
	}

	return e, nil
}

// cleanName gives a path of a package its one form.
func cleanName(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	clean = strings.TrimPrefix(clean, "/")

	if clean == "." || clean == "" {
		return "", nil
	}

	if !fs.ValidPath(clean) {
		return "", fmt.Errorf("the path %q leads out of the package", name)
	}

	return clean, nil
}
