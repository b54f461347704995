package contents_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/contents"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// layerOf makes a tar from name, content pairs; "name -> target" is a hard link.
func layerOf(t *testing.T, headers []tar.Header, compress func(io.Writer) io.WriteCloser) []byte {
	t.Helper()

	var buf bytes.Buffer

	z := compress(&buf)
	w := tar.NewWriter(z)

	for _, h := range headers {
		content := h.Uname
		h.Uname, h.Size, h.Mode = "", int64(len(content)), 0o644

		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	return buf.Bytes()
}

// file is a header that carries its content in Uname until it is written.
func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Uname: content}
}

func TestFilesOfAnImage(t *testing.T) {
	gz := layerOf(t, []tar.Header{
		{Name: "usr/", Typeflag: tar.TypeDir}, file("usr/a", "a"), file("./usr/b", "old"), file("gone/x", "x"), file("opaque/y", "y"),
		{Name: "usr/link", Linkname: "a", Typeflag: tar.TypeSymlink},
	}, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })

	zst := layerOf(t, []tar.Header{
		file("usr/b", "b"), file(".wh.gone", ""), file("opaque/.wh..wh..opq", ""), file("opaque/z", "z"),
		{Name: "usr/hard", Linkname: "usr/a", Typeflag: tar.TypeLink},
	}, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}

		return z
	})

	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		mutate.Addendum{Layer: static.NewLayer(gz, types.OCILayer)},
		mutate.Addendum{Layer: static.NewLayer(zst, types.OCILayerZStd)})
	if err != nil {
		t.Fatal(err)
	}

	dir := filepath.Join(t.TempDir(), "image")

	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}

	target, err := publish.Open(t.Context(), dir, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	found, err := contents.Read(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}

	got := found.Files

	var names []string
	for _, f := range got {
		names = append(names, f.Path)
	}

	if diff := cmp.Diff([]string{"/opaque/z", "/usr/a", "/usr/b", "/usr/hard"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	want := sbom.File{
		Path: "/usr/a", SHA1: "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8",
		SHA256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
	}
	if diff := cmp.Diff(want, got[1]); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}

	// What it lists can be written as SPDX.
	if _, err := sbom.SPDX(sbom.Image{Name: "x", Digest: target.Digest().String(), Files: got, Created: time.Unix(0, 0)}); err != nil {
		t.Error(err)
	}
}
