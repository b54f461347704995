package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Package is one package to merge.
type Package struct {
	Name string
	Size int64                         // of the packed file; larger ones are begun first
	Open func() (io.ReadCloser, error) // gives the tar stream
}

// File is a small file to add.
type File struct {
	Content string
	Mode    int64 // permission bits
}

// Config is what to merge and how.
type Config struct {
	Packages []Package // in the order in which their directories' owners and modes win
	Exclude  []Pattern
	Links    map[string]string // absolute path → target, as it is written
	Files    map[string]File   // by absolute path
	Time     time.Time         // of every entry; whole seconds
	Scratch  string            // an existing directory for temporary files, about as large as the result
	Parallel int               // packages to unpack at a time; 0 means one per processor
}

// Stats tell what was written.
type Stats struct {
	Entries int
	Bytes   int64 // of the contents
	Dropped int64 // bytes of contents that patterns excluded
}

// Build writes the merged tar stream to w.
func Build(ctx context.Context, c Config, w io.Writer) (Stats, error) {
	entries, closeAll, err := unpackAll(ctx, c)
	defer closeAll()

	if err != nil {
		return Stats{}, err
	}

	t, err := merge(entries)
	if err != nil {
		return Stats{}, err
	}

	var stats Stats

	stats.Dropped = t.exclude(c.Exclude)

	if err := t.extras(c); err != nil {
		return Stats{}, err
	}

	if err := t.complete(); err != nil {
		return Stats{}, err
	}

	return stats, t.write(ctx, w, c.Time, &stats)
}

// unpackAll reads all packages. The scratch files are removed from their
// directory as soon as they are open.
func unpackAll(ctx context.Context, c Config) ([]entry, func(), error) {
	files := make([]*os.File, len(c.Packages))
	closeAll := func() {
		for _, f := range files {
			if f != nil {
				f.Close()
			}
		}
	}

	for i := range files {
		f, err := os.CreateTemp(c.Scratch, "unpack-*")
		if err != nil {
			return nil, closeAll, fmt.Errorf("unpack packages: %w", err)
		}

		files[i] = f

		if err := os.Remove(f.Name()); err != nil {
			return nil, closeAll, fmt.Errorf("unpack packages: %w", err)
		}
	}

	order := make([]int, len(c.Packages))
	for i := range order {
		order[i] = i
	}

	slices.SortStableFunc(order, func(a, b int) int {
		return int(max(min(c.Packages[b].Size-c.Packages[a].Size, 1), -1))
	})

	group, ctx := errgroup.WithContext(ctx)
	if c.Parallel <= 0 {
		c.Parallel = runtime.GOMAXPROCS(0)
	}

	group.SetLimit(c.Parallel)

	results := make([][]entry, len(c.Packages))

	for _, i := range order {
		group.Go(func() (err error) {
			results[i], err = unpack(ctx, c.Packages[i], files[i])

			return err
		})
	}

	if err := group.Wait(); err != nil {
		return nil, closeAll, err
	}

	return slices.Concat(results...), closeAll, nil
}

// extras adds the links and files of the configuration.
func (t *tree) extras(c Config) error {
	var extra []entry

	for _, name := range sortedBy(c.Links, strings.Compare) {
		extra = append(extra, entry{pkg: "links", name: name, kind: tar.TypeSymlink, mode: 0o777, target: c.Links[name]})
	}

	for _, name := range sortedBy(c.Files, strings.Compare) {
		file := c.Files[name]
		data := []byte(file.Content)
		extra = append(extra, entry{
			pkg: "files", name: name, kind: tar.TypeReg, mode: file.Mode & 0o7777,
			data: &content{size: int64(len(data)), bytes: data},
		})
	}

	for _, e := range extra {
		clean, err := cleanName(e.name)
		if err != nil || clean == "" {
			return fmt.Errorf("%s: %q is not an absolute path", e.pkg, e.name)
		}

		e.name = clean
		if err := t.add(e); err != nil {
			return err
		}
	}

	return nil
}

// write writes all entries in the order of their paths, byte by byte, so that
// a directory comes before what is in it. Of several names of one file, the
// first holds the contents and the others are hard links to it.
func (t *tree) write(ctx context.Context, w io.Writer, when time.Time, stats *Stats) error {
	var (
		out   = tar.NewWriter(w)
		first = map[*content]string{}
		buf   = make([]byte, 256<<10)
	)

	for _, name := range sortedBy(t.nodes, strings.Compare) {
		if name == "" {
			continue // the root itself: what unpacks the layer makes it
		}

		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}

		e := t.nodes[name]
		header := &tar.Header{Typeflag: e.kind, Name: name, Linkname: e.target, Mode: e.mode, Uid: e.uid, Gid: e.gid, ModTime: when}

		switch e.kind {
		case tar.TypeDir:
			header.Name += "/"
		case tar.TypeReg:
			if original, ok := first[e.data]; ok {
				header.Typeflag, header.Linkname = tar.TypeLink, original
			} else {
				first[e.data] = name
				header.Size = e.data.size
			}
		}

		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("write /%s: %w", name, err)
		}

		stats.Entries++

		if header.Typeflag == tar.TypeReg {
			n, err := io.CopyBuffer(struct{ io.Writer }{out}, e.data.open(), buf)
			if err != nil {
				return fmt.Errorf("write /%s: %w", name, err)
			}

			stats.Bytes += n
		}
	}

	if err := out.Close(); err != nil {
		return fmt.Errorf("write layer: %w", err)
	}

	return nil
}

// Extract unpacks a layer that Build wrote into the existing directory dir.
// Owners are set only for root. It is for looking at a layer and for tests: it
// expects nothing in dir to change meanwhile.
func Extract(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("extract layer: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing was written through it

	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return fmt.Errorf("extract layer: %w", err)
		}

		if err := extract(root, in, header); err != nil {
			return fmt.Errorf("extract layer: /%s: %w", header.Name, err)
		}
	}
}

func extract(root *os.Root, in io.Reader, h *tar.Header) error {
	name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
	mode := h.FileInfo().Mode()

	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeLink:
		return root.Link(filepath.FromSlash(h.Linkname), name)
	default:
		f, err := root.Create(name)
		if err != nil {
			return err
		}

		_, err = io.Copy(f, in)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}

	if os.Getuid() == 0 {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}

	if h.Typeflag == tar.TypeSymlink {
		return nil
	}

	return root.Chmod(name, mode)
}
