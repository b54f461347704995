package reproduce

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/reproduce/diff"
)

// KnownPacking is that the layers of a published image have the same files,
// but are compressed in another way.
const KnownPacking = "packing of the layers"

// imageParts is what an image is made of.
type imageParts struct {
	target   *publish.Target
	manifest v1.Manifest
	config   v1.ConfigFile
	// plain is the configuration without what follows from the layers.
	plain []byte
}

func readContents(ctx context.Context, t *publish.Target) (*imageParts, error) {
	c := &imageParts{target: t}

	raw, err := t.RawManifest(ctx)
	if err != nil {
		return nil, err
	}

	if err := json.Unmarshal(raw, &c.manifest); err != nil {
		return nil, fmt.Errorf("reading the manifest of %s: %w", t, err)
	}

	blob, err := t.Blob(ctx, c.manifest.Config)
	if err != nil {
		return nil, err
	}
	defer blob.Close()

	config, err := io.ReadAll(blob)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", t, err)
	}

	if err := json.Unmarshal(config, &c.config); err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", t, err)
	}

	if len(c.config.RootFS.DiffIDs) != len(c.manifest.Layers) {
		return nil, fmt.Errorf("%s has %d layers and the sums of %d", t, len(c.manifest.Layers), len(c.config.RootFS.DiffIDs))
	}

	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", t, err)
	}

	delete(fields, "rootfs")

	if c.plain, err = json.MarshalIndent(fields, "", "  "); err != nil {
		return nil, fmt.Errorf("writing the configuration of %s: %w", t, err)
	}

	return c, nil
}

// compareImages compares two images of one platform. temp is a directory for
// what is unpacked. published says that the first may be packed in another way.
func compareImages(ctx context.Context, first, second *publish.Target, temp string, published bool) (*diff.Result, error) {
	result := &diff.Result{}

	if first.Digest() == second.Digest() {
		return result, nil
	}

	var sides [2]*imageParts

	for i, t := range []*publish.Target{first, second} {
		var err error
		if sides[i], err = readContents(ctx, t); err != nil {
			return nil, err
		}
	}

	if err := compareInto(ctx, result, "image configuration", sectionOf(sides[0].plain), sectionOf(sides[1].plain), temp); err != nil {
		return nil, err
	}

	counts := [2]int{len(sides[0].manifest.Layers), len(sides[1].manifest.Layers)}
	if counts[0] != counts[1] {
		result.Differences = append(result.Differences, diff.Difference{
			Path: []string{"image"}, Offset: -1, Text: fmt.Sprintf("number of layers: %d | %d", counts[0], counts[1]),
		})
	}

	for i := range min(counts[0], counts[1]) {
		if err := compareLayer(ctx, result, sides, i, temp); err != nil {
			return nil, fmt.Errorf("comparing layer %d: %w", i+1, err)
		}
	}

	if result.Equal() {
		known := ""
		if published {
			known = KnownPacking
		}

		result.Differences = append(result.Differences, diff.Difference{
			Path: []string{"image manifest"}, Offset: -1, Known: known,
			Text: "files and configuration are equal, the layers are packed in another way, or the manifest says something else",
		})
	}

	return result, nil
}

func sectionOf(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}

func compareInto(ctx context.Context, result *diff.Result, name string, a, b *io.SectionReader, temp string) error {
	found, err := diff.Compare(ctx, name, a, b, diff.Options{Temp: temp})
	if err != nil {
		return err
	}

	result.Differences = append(result.Differences, found.Differences...)
	result.Omitted += found.Omitted

	return nil
}

func compareLayer(ctx context.Context, result *diff.Result, sides [2]*imageParts, i int, temp string) (err error) {
	if sides[0].config.RootFS.DiffIDs[i] == sides[1].config.RootFS.DiffIDs[i] {
		return nil
	}

	var layers [2]*io.SectionReader

	for n, side := range sides {
		file, err := unpackLayer(ctx, side.target, side.manifest.Layers[i], temp)
		if err != nil {
			return err
		}

		defer func() { err = errors.Join(err, file.Close()) }()

		info, err := file.Stat()
		if err != nil {
			return fmt.Errorf("measuring a layer: %w", err)
		}

		layers[n] = io.NewSectionReader(file, 0, info.Size())
	}

	name := "layer"
	if len(sides[0].manifest.Layers) > 1 {
		name = fmt.Sprintf("layer %d", i+1)
	}

	return compareInto(ctx, result, name, layers[0], layers[1], temp)
}

// unpackLayer puts the tar of a layer into a file that has no name.
func unpackLayer(ctx context.Context, t *publish.Target, desc v1.Descriptor, temp string) (*os.File, error) {
	blob, err := t.Blob(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer blob.Close()

	plain, done, err := decompress(blob)
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	defer done()

	file, err := os.CreateTemp(temp, "akmon-layer-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}

	// What follows the compressed data counts for the sum of the blob.
	_, err = io.Copy(file, plain)
	if err == nil {
		_, err = io.Copy(io.Discard, blob)
	}

	if err := errors.Join(err, os.Remove(file.Name())); err != nil {
		return nil, errors.Join(fmt.Errorf("unpacking: %w", err), file.Close())
	}

	return file, nil
}

// decompress tells gzip and zstd by their first bytes; all else is plain.
func decompress(r io.Reader) (io.Reader, func(), error) {
	head := make([]byte, 4)

	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}

	all := io.MultiReader(bytes.NewReader(head[:n]), r)

	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(all)

		return z, func() {}, err
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(all, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}

		return z, z.Close, nil
	default:
		return all, func() {}, nil
	}
}
