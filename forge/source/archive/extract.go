package archive

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

// Extract unpacks a tar archive below root, without the first strip parts of
// the names; entries that have no more are passed over. Owners, times and
// modes other than those of Writer are not kept. Devices and pipes are errors,
// as are names and links that lead out of root.
func Extract(ctx context.Context, root *os.Root, r io.Reader, strip int) error {
	for in := tar.NewReader(r); ; {
		header, err := in.Next()

		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("unpack: %w", err)
		case ctx.Err() != nil:
			return fmt.Errorf("unpack: %w", context.Cause(ctx))
		}

		if err := extract(root, header, in, strip); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

func extract(root *os.Root, h *tar.Header, r io.Reader, strip int) error {
	name, ok := stripped(h.Name, strip)
	if !ok || h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}

	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}

	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}

	// A later entry takes the place of an earlier one.
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	switch h.Typeflag {
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if h.Mode&0o111 != 0 {
			mode = 0o755
		}

		return write(root, name, mode, r)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		target, ok := stripped(h.Linkname, strip)
		if !ok {
			return fmt.Errorf("it is a link to %s", h.Linkname)
		}

		return root.Link(target, name)
	default:
		return fmt.Errorf("an entry of type %q is not understood", h.Typeflag)
	}
}

func write(root *os.Root, name string, mode fs.FileMode, r io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}

	_, err = io.Copy(f, r)

	// The mode is not the umask's to decide.
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// stripped is a clean name without its first n parts, and whether any remain.
// A name that leads upwards stays as it is: the root refuses it.
func stripped(name string, n int) (string, bool) {
	name = strings.TrimLeft(path.Clean(name), "/")

	for range n {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return "", false
		}

		name = rest
	}

	return name, name != "." && name != ""
}
