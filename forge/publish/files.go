package publish

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
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/publish/sbom"
)

const whiteout = ".wh."

// Files lists the regular files of an image with their sums, layers applied in
// order, sorted by path, as a bill of materials wants them. Links, directories
// and devices are not listed. The layers are checked against their digests.
func Files(ctx context.Context, t *Target) ([]sbom.File, error) {
	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}

	found := map[string]sbom.File{}

	for i, desc := range h.Layers {
		if err := layerFiles(ctx, t, desc, found); err != nil {
			return nil, fmt.Errorf("list files of layer %d: %w", i+1, err)
		}
	}

	return slices.SortedFunc(maps.Values(found), func(a, b sbom.File) int { return strings.Compare(a.Path, b.Path) }), nil
}

func layerFiles(ctx context.Context, t *Target, desc v1.Descriptor, found map[string]sbom.File) error {
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
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}

		if err := addEntry(archive, entry, found); err != nil {
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

// addEntry applies one entry of a layer (OCI image-spec, layer.md: a whiteout
// removes, `.wh..wh..opq` empties a directory).
func addEntry(r io.Reader, entry *tar.Header, found map[string]sbom.File) error {
	name := path.Clean("/" + entry.Name)
	dir, base := path.Split(name)

	if gone, ok := strings.CutPrefix(base, whiteout); ok {
		victim := dir + gone
		if gone == whiteout+".opq" {
			victim = strings.TrimSuffix(dir, "/")
		}

		maps.DeleteFunc(found, func(p string, _ sbom.File) bool {
			return p == victim || strings.HasPrefix(p, victim+"/")
		})

		return nil
	}

	switch entry.Typeflag {
	case tar.TypeReg:
	case tar.TypeLink:
		if target, ok := found[path.Clean("/"+entry.Linkname)]; ok {
			target.Path = name
			found[name] = target
		}

		return nil
	case tar.TypeDir:
		return nil
	default:
		delete(found, name)

		return nil
	}

	short, long := sha1.New(), sha256.New() //nolint:gosec // as above
	if _, err := io.Copy(io.MultiWriter(short, long), r); err != nil {
		return err
	}

	found[name] = sbom.File{
		Path: name, SHA1: hex.EncodeToString(short.Sum(nil)), SHA256: hex.EncodeToString(long.Sum(nil)),
	}

	return nil
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
