package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/image"
)

// Export writes the files of the store with these SHA-256, and all that is
// noted about them, to w; nil means all files. It returns what it wrote.
func Export(ctx context.Context, store *source.Store, w io.Writer, sums []string) (*Index, error) {
	index, err := list(ctx, store, sums)
	if err != nil {
		return nil, fmt.Errorf("export the store: %w", err)
	}

	data, err := json.MarshalIndent(index, "", " ")
	if err != nil {
		return nil, fmt.Errorf("export the store: %w", err)
	}

	out := tar.NewWriter(w)

	err = write(out, IndexName, int64(len(data)), bytes.NewReader(data))

	for _, f := range index.Files {
		if err == nil {
			err = exportFile(ctx, store, out, f)
		}
	}

	if err == nil {
		err = out.Close()
	}

	if err != nil {
		return nil, fmt.Errorf("export the store: %w", err)
	}

	return index, nil
}

// list makes the index of the files.
func list(ctx context.Context, store *source.Store, sums []string) (*Index, error) {
	index := &Index{Format: Format, Files: []File{}}

	metas, err := store.List(ctx)
	if err != nil {
		return nil, err
	}

	wanted := map[string]bool{}
	for _, sum := range sums {
		wanted[sum] = true
	}

	have := map[string]bool{}

	for _, m := range metas {
		if sums == nil || wanted[m.SHA256] {
			have[m.SHA256] = true
			index.Files = append(index.Files, File{SHA256: m.SHA256, SHA512: m.SHA512, Size: m.Size, Package: m.Package, URL: m.URL})
		}
	}

	for _, sum := range sums {
		if !have[sum] {
			return nil, fmt.Errorf("%s is not in the store: %w", sum, fs.ErrNotExist)
		}
	}

	modules, err := gomod.Index(store)
	if err != nil {
		return nil, err
	}

	index.Modules = slices.DeleteFunc(modules, func(x gomod.Indexed) bool { return !have[x.SHA256] })

	images, err := image.Records(store)
	if err != nil {
		return nil, err
	}

	index.Images = slices.DeleteFunc(images, func(r image.Record) bool { return !have[strings.TrimPrefix(r.Digest, "sha256:")] })

	return index, nil
}

func exportFile(ctx context.Context, store *source.Store, out *tar.Writer, f File) error {
	file, err := os.Open(store.Path(f.SHA256))
	if err != nil {
		return err
	}
	defer file.Close()

	// What goes on a journey is looked at once more.
	read, written := io.Pipe()
	checked := make(chan error, 1)

	go func() {
		err := source.Check(ctx, read, source.Meta{SHA256: f.SHA256, SHA512: f.SHA512, Package: f.Package, URL: f.URL})
		read.CloseWithError(err)
		checked <- err
	}()

	err = write(out, f.entry(), f.Size, io.TeeReader(file, written))
	written.CloseWithError(err)

	if bad := <-checked; bad != nil {
		return fmt.Errorf("%w\nthe store is damaged: see akmon store verify", bad)
	}

	return err
}

// write adds an entry. The time is the epoch, the format fixed: the tar must
// not depend on anything but what is in it.
func write(out *tar.Writer, name string, size int64, r io.Reader) error {
	err := out.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Format: format(size),
	})
	if err != nil {
		return err
	}

	n, err := io.Copy(out, r)
	if err == nil && n != size {
		err = errors.New("a file of the store is shorter than recorded")
	}

	return err
}

// format is the plainest that can hold the size (8 GiB is USTAR's limit).
func format(size int64) tar.Format {
	if size >= 8<<30 {
		return tar.FormatPAX
	}

	return tar.FormatUSTAR
}
