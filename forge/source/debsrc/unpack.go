package debsrc

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/bootstrap/xz"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/archive"
	"github.com/akmon-os/akmon/forge/source/patch"
)

// tree is where the package is unpacked, in a directory of its own; fresh is
// where each of its archives is before.
const (
	tree  = "tree"
	fresh = "fresh"
)

// archives tells the files of a package apart by their names.
var archives = regexp.MustCompile(`^[^_]+_[^_]+?(?:\.(orig)(?:-([A-Za-z0-9-]+))?|\.(debian)|)\.tar\.(gz|bz2|xz|zst)$`)

// contents are the archives of a package, by their file names.
type contents struct {
	main, debian, diff string
	components         map[string]string // additional upstream archives, by directory
}

func sortOut(d *Description) (*contents, error) {
	c := &contents{components: map[string]string{}}

	for _, f := range d.Files {
		m := archives.FindStringSubmatch(f.Name)

		switch {
		case strings.HasSuffix(f.Name, ".asc"): // upstream's signature
		case strings.HasSuffix(f.Name, ".diff.gz"):
			c.diff = f.Name
		case m == nil:
			return nil, fmt.Errorf("%s is not a file that a source package has", f.Name)
		case m[3] != "":
			c.debian = f.Name
		case m[2] != "":
			c.components[m[2]] = f.Name
		default:
			c.main = f.Name
		}
	}

	switch {
	case c.main == "":
		return nil, errors.New("the source package has no upstream archive")
	case d.Format == formatQuilt && c.debian == "":
		return nil, errors.New("the source package has no archive of Debian's files")
	}

	return c, nil
}

// unpack writes the archive of the package to out.
func unpack(ctx context.Context, store *source.Store, d *Description, files map[string]string, unpatched bool, out io.Writer) error {
	c, err := sortOut(d)
	if err != nil {
		return err
	}

	dir, done, err := store.Scratch("debian")
	if err != nil {
		return err
	}
	defer done()

	top, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer top.Close() //nolint:errcheck // only a directory

	u := &unpacker{ctx: ctx, top: top, files: files}

	if err := u.all(d, c, unpatched); err != nil {
		return err
	}

	root, err := top.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only a directory

	return archive.WriteDir(ctx, out, root)
}

type unpacker struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call
	top   *os.Root
	files map[string]string // paths in the store
}

func (u *unpacker) all(d *Description, c *contents, unpatched bool) error {
	if err := u.place(c.main, tree); err != nil {
		return err
	}

	for _, name := range slices.Sorted(maps.Keys(c.components)) {
		into := path.Join(tree, name)
		if err := u.top.RemoveAll(into); err != nil {
			return err
		}

		if err := u.place(c.components[name], into); err != nil {
			return err
		}
	}

	root, err := u.top.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only a directory

	if c.debian != "" {
		if err := root.RemoveAll("debian"); err != nil {
			return err
		}

		if err := u.extract(c.debian, root); err != nil {
			return err
		}
	}

	if !unpatched {
		if err := u.patches(root, d, c); err != nil {
			return err
		}
	}

	return finish(root, d)
}

// finish does what dpkg-source does at the end: whatever the archives say,
// debian/rules is executable, and the format is written down.
func finish(root *os.Root, d *Description) error {
	if info, err := root.Lstat("debian/rules"); err == nil && info.Mode().IsRegular() {
		if err := root.Chmod("debian/rules", 0o755); err != nil {
			return err
		}
	}

	const file = "debian/source/format"

	if _, err := root.Lstat(file); err == nil || d.Format == formatOld {
		return nil
	}

	return errors.Join(root.MkdirAll(path.Dir(file), 0o755), root.WriteFile(file, []byte(d.Format+"\n"), 0o644))
}

// place unpacks an archive as the directory into. When all that is in it is
// one directory, that is what is meant.
func (u *unpacker) place(name, into string) error {
	if err := u.top.Mkdir(fresh, 0o755); err != nil {
		return err
	}

	root, err := u.top.OpenRoot(fresh)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only a directory

	if err := u.extract(name, root); err != nil {
		return err
	}

	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}

	if len(entries) != 1 || !entries[0].IsDir() {
		return u.top.Rename(fresh, into)
	}

	return errors.Join(u.top.Rename(path.Join(fresh, entries[0].Name()), into), u.top.Remove(fresh))
}

func (u *unpacker) extract(name string, root *os.Root) error {
	in, err := u.open(name)
	if err != nil {
		return err
	}
	defer in.Close()

	if err := archive.Extract(u.ctx, root, in, 0); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return nil
}

// open opens a file of the package and undoes its compression.
func (u *unpacker) open(name string) (io.ReadCloser, error) {
	f, err := os.Open(u.files[name])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	buffered := bufio.NewReaderSize(f, 128<<10)

	var plain io.Reader

	switch path.Ext(name) {
	case ".gz":
		plain, err = gzip.NewReader(buffered)
	case ".bz2":
		plain = bzip2.NewReader(buffered)
	case ".xz":
		plain = xz.NewReader(buffered)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1)); err == nil {
			plain = z
		}
	default:
		err = errors.New("its compression is not known")
	}

	if err != nil {
		f.Close()

		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return struct {
		io.Reader
		io.Closer
	}{plain, f}, nil
}

// maxPatch bounds a patch, in bytes.
const maxPatch = 256 << 20

// patches applies those of the package's format.
func (u *unpacker) patches(root *os.Root, d *Description, c *contents) error {
	if c.diff != "" {
		in, err := u.open(c.diff)
		if err != nil {
			return err
		}
		defer in.Close()

		text, err := io.ReadAll(io.LimitReader(in, maxPatch))
		if err != nil {
			return fmt.Errorf("%s: %w", c.diff, err)
		}

		return apply(root, c.diff, text)
	}

	if d.Format != formatQuilt {
		return nil
	}

	names, err := series(root)
	if err != nil {
		return err
	}

	for _, name := range names {
		text, err := root.ReadFile(path.Join("debian/patches", name))
		if err != nil {
			return fmt.Errorf("debian/patches/series names %s: %w", name, err)
		}

		if err := apply(root, "debian/patches/"+name, text); err != nil {
			return err
		}
	}

	return nil
}

func apply(root *os.Root, name string, text []byte) error {
	p, err := patch.Parse(name, text)
	if err != nil {
		return err
	}

	return p.Apply(root, 1)
}

// series gives the names of the patches of a package with quilt, in order. A
// list for Debian alone comes before the one for all.
func series(root *os.Root) ([]string, error) {
	for _, file := range []string{"debian/patches/debian.series", "debian/patches/series"} {
		text, err := root.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}

		if err != nil {
			return nil, err
		}

		var names []string

		for line := range strings.Lines(string(text)) {
			// Options after the name have no meaning in this format.
			line, _, _ = strings.Cut(line, " #")

			if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
				names = append(names, fields[0])
			}
		}

		return names, nil
	}

	return nil, nil
}
