package assets

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
)

// tar goes through one layer's archive. With pos, which tells how far the
// archive has been read, files become ranges of all; without, they are
// extracted.
func (x *search) tar(r io.Reader, pos func() (int64, error), all *extent.List) error {
	tr := tar.NewReader(r)

	var whiteouts []string

	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return err
		}

		name := path.Clean("/" + h.Name)
		dir, base := path.Split(name)

		switch {
		case base == ".wh..wh..opq":
			whiteouts = append(whiteouts, dir)
			continue
		case strings.HasPrefix(base, ".wh."):
			whiteouts = append(whiteouts, dir+base[len(".wh."):]+"/")
			continue
		}

		want := x.match(name)
		if want == "" || h.Typeflag == tar.TypeDir {
			continue
		}

		if h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is not a regular file in the image", name)
		}

		if h.Size > maxFile {
			return fmt.Errorf("%s has %d bytes, more than the %d that can be used", name, h.Size, int64(maxFile))
		}

		if pos != nil && !sparse(h) {
			at, err := pos()
			if err != nil {
				return err
			}

			x.set.files[want] = all.Slice(at, h.Size)

			continue
		}

		if err := x.extract(want, h.Size, tr); err != nil {
			return fmt.Errorf("extracting %s: %w", name, err)
		}
	}

	for _, n := range x.o.Names {
		for _, w := range whiteouts {
			if x.set.files[n] == nil && strings.HasPrefix(path.Join(InstallDir, x.o.Arch, n)+"/", w) {
				x.gone[n] = true
			}
		}
	}

	return nil
}

// match returns which wanted file a path in the image is, if any.
func (x *search) match(name string) string {
	rest, ok := strings.CutPrefix(name, InstallDir+"/")
	if !ok {
		return ""
	}

	arch, file, _ := strings.Cut(rest, "/")
	if file != "" && knownArch(arch) {
		x.seen[arch] = true
	}

	if arch != x.o.Arch || !slices.Contains(x.o.Names, file) || x.set.files[file] != nil || x.gone[file] {
		return ""
	}

	return file
}

// sparse tells entries whose bytes in the archive are not their content.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}

	return h.Typeflag == tar.TypeGNUSparse
}

// extract copies one file to a temporary file without a name.
func (x *search) extract(name string, size int64, r io.Reader) error {
	dir := x.o.TempDir
	if dir == "" {
		dir = os.TempDir()
	}

	f, err := os.CreateTemp(dir, ".akmon-*")
	if err != nil {
		return err
	}

	x.set.closers = append(x.set.closers, f)

	// Without its name it vanishes with the last descriptor.
	if err := os.Remove(f.Name()); err != nil {
		return err
	}

	x.o.Progress("extracting %s (%d bytes)", name, size)

	n, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, 1<<20))
	if err != nil {
		return extent.Explain("a temporary file in "+dir, err)
	}

	l := &extent.List{}
	l.AppendRange(f, 0, n)
	x.set.files[name] = l

	return nil
}
