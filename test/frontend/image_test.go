package frontend_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// same compares what is in an OCI archive with an image or index, and tells
// what differs.
func same(t *testing.T, want v1.ImageIndex, file string) {
	t.Helper()

	got := openArchive(t, file)
	if digestOf(t, got) == digestOf(t, want) {
		return
	}

	t.Errorf("the digest is %s, want %s", digestOf(t, got), digestOf(t, want))

	if diff := cmp.Diff(contents(t, want), contents(t, got)); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

func openLayout(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()

	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}

	return index
}

// openArchive unpacks an OCI archive.
func openArchive(t *testing.T, file string) v1.ImageIndex {
	t.Helper()

	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	dir := t.TempDir()

	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return openLayout(t, dir)
		}

		if err != nil {
			t.Fatal(err)
		}

		if h.Typeflag != tar.TypeReg {
			continue
		}

		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}

		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// named is what a layout names: its only entry with a name, or its only entry.
func named(t *testing.T, index v1.ImageIndex) v1.Descriptor {
	t.Helper()

	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}

	for _, d := range manifest.Manifests {
		if len(manifest.Manifests) == 1 || d.Annotations["org.opencontainers.image.ref.name"] != "" {
			return d
		}
	}

	t.Fatal("the layout names no image")

	return v1.Descriptor{}
}

func digestOf(t *testing.T, index v1.ImageIndex) string {
	t.Helper()

	return named(t, index).Digest.String()
}

// contents is all that can be told of an image, in lines; of an index, of its
// images.
func contents(t *testing.T, index v1.ImageIndex) []string {
	t.Helper()

	d := named(t, index)

	if d.MediaType.IsIndex() {
		inner, err := index.ImageIndex(d.Digest)
		if err != nil {
			t.Fatal(err)
		}

		manifest, err := inner.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}

		var all []string

		for _, m := range manifest.Manifests {
			image, err := inner.Image(m.Digest)
			if err != nil {
				t.Fatal(err)
			}

			all = append(append(all, fmt.Sprint(m.Platform)), lines(t, image)...)
		}

		return all
	}

	image, err := index.Image(d.Digest)
	if err != nil {
		t.Fatal(err)
	}

	return lines(t, image)
}

func lines(t *testing.T, image v1.Image) []string {
	t.Helper()

	manifest, err := image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}

	config, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}

	all := []string{string(manifest), string(config)}

	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}

		for files := tar.NewReader(r); ; {
			h, err := files.Next()
			if errors.Is(err, io.EOF) {
				break
			}

			if err != nil {
				t.Fatal(err)
			}

			data, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}

			all = append(all, fmt.Sprintf("%s %c %o %d:%d %s %v %s %q", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime, h.PAXRecords, h.Linkname, data))
		}
	}

	return all
}
