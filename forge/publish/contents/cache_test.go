package contents_test

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/contents"
)

// imageOf is an image of one layer.
func imageOf(t *testing.T, files ...tar.Header) (target *publish.Target, dir string) {
	t.Helper()

	layer := layerOf(t, files, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })

	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		mutate.Addendum{Layer: static.NewLayer(layer, types.OCILayer)})
	if err != nil {
		t.Fatal(err)
	}

	dir = filepath.Join(t.TempDir(), "image")

	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}

	target, err = publish.Open(t.Context(), dir, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	return target, dir
}

// A file that can't be looked into is said each time, so nothing is noted.
func TestUnreadIsNotNoted(t *testing.T) {
	target, _ := imageOf(t, file("usr/a", "a"), file("usr/empty", ""), file("etc/odd.gz", "\x1f\x8bodd"))
	notes := filepath.Join(t.TempDir(), "notes")

	found, err := contents.Cached(t.Context(), target, notes)
	if err != nil {
		t.Fatal(err)
	}

	if found.Unread == nil || len(found.Files) != 3 {
		t.Errorf("%d files, unread: %v", len(found.Files), found.Unread)
	}

	if list, _ := filepath.Glob(filepath.Join(notes, "*")); len(list) > 0 {
		t.Errorf("noted: %v", list)
	}
}

// What was found is noted, and asked for again without reading the image; a
// damaged note is as none.
func TestCached(t *testing.T) {
	target, dir := imageOf(t, file("usr/a", "a"))
	notes := filepath.Join(t.TempDir(), "notes")

	first, err := contents.Cached(t.Context(), target, notes)
	if err != nil {
		t.Fatal(err)
	}

	list, err := filepath.Glob(filepath.Join(notes, "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("notes: %v, %v", list, err)
	}

	if err := os.WriteFile(list[0], []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}

	if _, err := contents.Cached(t.Context(), target, notes); err != nil {
		t.Fatal(err)
	}

	// Without the image only the note is left to answer.
	if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}

	again, err := contents.Cached(t.Context(), target, notes)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}
