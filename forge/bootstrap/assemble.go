package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
	"github.com/akmon-os/akmon/forge/bootstrap/layer"
	"github.com/akmon-os/akmon/forge/source"
)

// AssembleOptions adjust [Assemble]. The zero value serves.
type AssembleOptions struct {
	// Cache holds assembled layouts, a directory each; "" means bootstrap
	// beside the store.
	Cache string
	// Parallel is how many packages are unpacked at a time; 0 means one per
	// processor.
	Parallel int
	// Log gets a line before each longer phase; may be nil.
	Log func(format string, args ...any)
}

// Image is an assembled userland.
type Image struct {
	Dir    string // the OCI image layout, also a containerd content store
	Digest string // of the manifest, sha256:…
	Ref    string // what BuildKit calls it: akmon.local/bootstrap@sha256:…
	Layer  string // digest of the one layer
	Size   int64  // of the layer, in bytes
	Cached bool   // it had been assembled before
}

// RefName is the name that assembled userlands have for BuildKit.
const RefName = "akmon.local/bootstrap"

// generation changes when the same lock shall give other bytes than before.
const generation = 1

// Assemble makes the userland of one architecture, as Debian calls it, that
// the lock pins. Packages that the store lacks are fetched. What was assembled
// before, from the same packages in the same way, is returned as it is.
func Assemble(ctx context.Context, store *source.Store, lock *Lock, arch string, opts AssembleOptions) (Image, error) {
	if opts.Cache == "" {
		opts.Cache = filepath.Join(filepath.Dir(store.Root()), "bootstrap")
	}

	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}

	sources, err := lock.Sources(arch)
	if err != nil {
		return Image{}, err
	}

	key, err := lock.key(arch)
	if err != nil {
		return Image{}, err
	}

	dir := filepath.Join(opts.Cache, key)
	if image, err := openImage(dir); err == nil {
		image.Cached = true

		return image, nil
	}

	opts.Log("fetching %d packages of the %s bootstrap", len(sources), arch)

	paths, err := store.FetchAll(ctx, sources)
	if err != nil {
		return Image{}, err
	}

	tmp, done, err := workDir(opts.Cache)
	if err != nil {
		return Image{}, fmt.Errorf("assemble bootstrap: %w", err)
	}
	defer done()

	opts.Log("assembling the %s bootstrap", arch)

	if err := lock.assemble(ctx, tmp, arch, paths, opts.Parallel); err != nil {
		return Image{}, fmt.Errorf("assemble bootstrap for %s: %w", arch, err)
	}

	if err := place(tmp, dir); err != nil {
		return Image{}, fmt.Errorf("assemble bootstrap for %s: %w", arch, err)
	}

	return openImage(dir)
}

// place renames a complete layout to its name. Another process may have been
// quicker, and a damaged directory may be in the way.
func place(tmp, dir string) error {
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}

	for range 3 {
		err := os.Rename(tmp, dir)
		if err == nil || (!errors.Is(err, os.ErrExist) && !isNotEmpty(err)) {
			return err
		}

		if _, err := openImage(dir); err == nil {
			return nil
		}

		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}

	return fmt.Errorf("%s cannot be replaced", dir)
}

// assemble writes the image of the packages at paths to the empty directory
// dir.
func (l *Lock) assemble(ctx context.Context, dir, arch string, paths []string, parallel int) error {
	when, err := l.time()
	if err != nil {
		return err
	}

	return writeImage(dir, arch, when, func(w io.Writer) error {
		return l.writeLayer(ctx, w, dir, arch, paths, parallel)
	})
}

// writeLayer writes the files of the packages at paths as a tar stream.
func (l *Lock) writeLayer(ctx context.Context, w io.Writer, scratch, arch string, paths []string, parallel int) error {
	when, err := l.time()
	if err != nil {
		return err
	}

	config := layer.Config{
		Exclude:  l.Exclude,
		Links:    map[string]string{},
		Files:    map[string]layer.File{},
		Time:     when,
		Scratch:  scratch,
		Parallel: parallel,
	}

	for i, p := range l.Userlands[arch] {
		config.Packages = append(config.Packages, layer.Package{Name: p.Name, Size: p.Size, Open: func() (io.ReadCloser, error) {
			return openData(paths[i])
		}})
	}

	for path, target := range l.Links {
		config.Links[string(path)] = target
	}

	for path, file := range l.Files {
		mode := int64(file.Mode)
		if mode == 0 {
			mode = 0o644
		}

		config.Files[string(path)] = layer.File{Content: file.Content, Mode: mode}
	}

	_, err = layer.Build(ctx, config, w)

	return err
}

// openData opens the files of a binary package.
func openData(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	data, err := deb.Data(f)
	if err != nil {
		f.Close()

		return nil, err
	}

	return &both{data, f}, nil
}

// both closes a stream and the file below it.
type both struct {
	io.ReadCloser
	file *os.File
}

func (b *both) Close() error { return errors.Join(b.ReadCloser.Close(), b.file.Close()) }

// key identifies everything that has a part in the assembled bytes.
func (l *Lock) key(arch string) (string, error) {
	type file struct {
		Path, Content string
		Mode          Mode
	}

	in := struct {
		Generation int
		Arch       string
		Time       string
		Packages   []string
		Exclude    []string
		Links      [][2]string
		Files      []file
	}{Generation: generation, Arch: arch, Time: l.Snapshot}

	for _, p := range l.Userlands[arch] {
		in.Packages = append(in.Packages, p.Name+" "+p.SHA256)
	}

	for _, pattern := range l.Exclude {
		in.Exclude = append(in.Exclude, pattern.String())
	}

	for _, path := range sortedPaths(l.Links) {
		in.Links = append(in.Links, [2]string{string(path), l.Links[path]})
	}

	for _, path := range sortedPaths(l.Files) {
		in.Files = append(in.Files, file{string(path), l.Files[path].Content, l.Files[path].Mode})
	}

	data, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("identify bootstrap: %w", err)
	}

	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:]), nil
}
