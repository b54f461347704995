// Package contents tells what is in an image: its files with their sums, and
// the Go programs among them with the modules that were linked into those.
package contents

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1" //nolint:gosec // SPDX identifies files with it
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/programs"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// Contents is what is in an image.
type Contents struct {
	// Files are the regular files, sorted by path. Links, directories and
	// devices are not listed.
	Files []sbom.File
	// Programs are the Go programs, in the order of the files that they are
	// in, packed or not.
	Programs []sbom.Program
	// Unread says which archives could not be looked into for programs; nil if
	// all could.
	Unread error `json:"-"`
}

const whiteout = ".wh."

// Read reads an image, layers applied in order. The layers are checked against
// their digests. Files that may hold programs are unpacked in the directory for
// temporary files, one at a time.
func Read(ctx context.Context, t *publish.Target) (*Contents, error) {
	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse manifest: %w", err)
	}

	spool, err := os.CreateTemp("", ".akmon-contents-*")
	if err != nil {
		return nil, err
	}

	defer func() {
		spool.Close()
		os.Remove(spool.Name())
	}()

	r := reader{spool: spool, found: map[string]entry{}}

	for i, desc := range manifest.Layers {
		if err := r.layer(ctx, t, desc); err != nil {
			return nil, fmt.Errorf("list files of layer %d: %w", i+1, err)
		}
	}

	return r.contents(), nil
}

// entry is a file with what was found in it.
type entry struct {
	sbom.File

	programs []sbom.Program
	unread   error
}

// reader applies layers.
type reader struct {
	spool *os.File // of the file that is looked into
	found map[string]entry
}

func (r *reader) contents() *Contents {
	c := &Contents{}

	var unread []error

	for _, name := range slices.Sorted(maps.Keys(r.found)) {
		e := r.found[name]
		c.Files = append(c.Files, e.File)
		c.Programs = append(c.Programs, e.programs...)
		unread = append(unread, e.unread)
	}

	c.Unread = errors.Join(unread...)

	return c
}

func (r *reader) layer(ctx context.Context, t *publish.Target, desc v1.Descriptor) error {
	rc, err := t.Blob(ctx, desc)
	if err != nil {
		return err
	}
	defer rc.Close()

	plain, done, err := decompress(rc)
	if err != nil {
		return err
	}
	defer done()

	archive := tar.NewReader(plain)

	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}

		if err := r.add(archive, header); err != nil {
			return err
		}
	}

	// Read to the end, where the digest is compared.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return err
	}

	_, err = io.Copy(io.Discard, rc)

	return err
}

// add applies one entry of a layer (OCI image-spec, layer.md: a whiteout
// removes, `.wh..wh..opq` empties a directory).
func (r *reader) add(content io.Reader, header *tar.Header) error {
	name := path.Clean("/" + header.Name)
	dir, base := path.Split(name)

	if gone, ok := strings.CutPrefix(base, whiteout); ok {
		victim := dir + gone
		if gone == whiteout+".opq" {
			victim = strings.TrimSuffix(dir, "/")
		}

		maps.DeleteFunc(r.found, func(p string, _ entry) bool {
			return p == victim || strings.HasPrefix(p, victim+"/")
		})

		return nil
	}

	switch header.Typeflag {
	case tar.TypeReg:
		e, err := r.file(name, content)
		if err != nil {
			return err
		}

		r.found[name] = e
	case tar.TypeLink:
		// The programs are listed once, where the file is.
		if target, ok := r.found[path.Clean("/"+header.Linkname)]; ok {
			target.Path = name
			r.found[name] = entry{File: target.File}
		}
	case tar.TypeDir:
	default:
		delete(r.found, name)
	}

	return nil
}

// file reads a file, and looks for programs in one that may have some.
func (r *reader) file(name string, content io.Reader) (entry, error) {
	short, long := sha1.New(), sha256.New() //nolint:gosec // as above
	sums := io.MultiWriter(short, long)
	head := make([]byte, programs.HeadSize)

	n, err := io.ReadFull(content, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return entry{}, err
	}

	whole := io.MultiReader(bytes.NewReader(head[:n]), content)
	worth := programs.Worth(head[:n])

	if worth {
		if _, err := r.spool.Seek(0, io.SeekStart); err != nil {
			return entry{}, err
		}

		whole = io.TeeReader(whole, r.spool)
	}

	size, err := io.Copy(sums, whole)
	if err != nil {
		return entry{}, err
	}

	e := entry{File: sbom.File{
		Path: name, SHA1: hex.EncodeToString(short.Sum(nil)), SHA256: hex.EncodeToString(long.Sum(nil)),
	}}

	if worth {
		// The spool may be longer, from a file before.
		file := io.NewSectionReader(r.spool, 0, size)
		e.programs, e.unread = programs.Find(name, file, size, "")
	}

	return e, nil
}

// decompress looks at the first bytes: gzip, zstd or plain.
func decompress(r io.Reader) (plain io.Reader, done func(), err error) {
	magic := make([]byte, 4)

	n, err := io.ReadFull(r, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}

	magic = magic[:n]
	whole := io.MultiReader(bytes.NewReader(magic), r)

	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, nil, err
		}

		return z, func() { _ = z.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}

		return z, z.Close, nil
	default:
		return whole, func() {}, nil
	}
}
