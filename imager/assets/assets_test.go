package assets_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/imager/assets"
)

// file is a member of a layer; one with a nil body is a whiteout or directory.
type file struct {
	name string
	body []byte
}

// kernel is large enough for several reads.
var kernel = bytes.Repeat([]byte("kernel "), 200_000)

func base() []file {
	return []file{
		{"usr/", nil},
		{"usr/bin/installer", []byte("program")},
		{"usr/install/amd64/vmlinuz", []byte("old kernel")},
		{"usr/install/amd64/os-release", []byte("ID=akmon\n")},
		{"usr/install/amd64/gone", []byte("to be deleted")},
	}
}

func top() []file {
	return []file{
		{"usr/install/amd64/vmlinuz", kernel},
		{"usr/install/amd64/.wh.gone", nil},
	}
}

func tarOf(t testing.TB, files []file) []byte {
	t.Helper()

	var b bytes.Buffer

	tw := tar.NewWriter(&b)

	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.body)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}

		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if _, err := tw.Write(f.body); err != nil {
			t.Fatal(err)
		}
	}

	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

// compress packs a layer as its media type says.
func compress(t testing.TB, b []byte, mt types.MediaType) v1.Layer {
	t.Helper()

	var out bytes.Buffer

	var w io.WriteCloser

	switch mt {
	case types.OCILayer:
		w = gzip.NewWriter(&out)
	case types.OCILayerZStd:
		w, _ = zstd.NewWriter(&out)
	default:
		return static.NewLayer(b, mt)
	}

	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return static.NewLayer(out.Bytes(), mt)
}

// installer is an image for an architecture.
func installer(t testing.TB, arch string, mt types.MediaType, layers ...[]file) v1.Image {
	t.Helper()

	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)

	for _, files := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, compress(t, tarOf(t, files), mt)); err != nil {
			t.Fatal(err)
		}
	}

	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	c = c.DeepCopy()
	c.Architecture, c.OS = arch, "linux"
	c.Config.Labels = map[string]string{"org.akmon.arch": arch}

	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}

	return img
}

func writeLayout(t testing.TB, images ...v1.Image) string {
	t.Helper()

	dir := filepath.Join(t.TempDir(), "layout")

	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}

		if err := p.AppendImage(img, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: c.Architecture}),
			layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "installer-" + c.Architecture})); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// pack makes a tar archive of a directory.
func pack(t testing.TB, dir string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "image.tar")

	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	tw := tar.NewWriter(f)
	if err := tw.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}

	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}

	return path
}

func options(t testing.TB) assets.Options {
	return assets.Options{Arch: "amd64", Names: []string{assets.Kernel, assets.OSRelease}, TempDir: t.TempDir()}
}

// check compares a set's files, and that nothing is left after Close.
func check(t *testing.T, ref string, o assets.Options) {
	t.Helper()

	s, err := assets.Open(t.Context(), ref, o)
	if err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string][]byte{assets.Kernel: kernel, assets.OSRelease: []byte("ID=akmon\n")} {
		if got, err := s.File(name).Bytes(1 << 30); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs (%v)", name, err)
		}
	}

	if err := s.Verify(); err != nil {
		t.Error(err)
	}

	s.Close()

	entries, err := os.ReadDir(o.TempDir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

var mediaTypes = []types.MediaType{types.OCILayer, types.OCILayerZStd, types.OCIUncompressedLayer}

func TestLayouts(t *testing.T) {
	for _, mt := range mediaTypes {
		t.Run(string(mt), func(t *testing.T) {
			dir := writeLayout(t, installer(t, "arm64", mt, base()), installer(t, "amd64", mt, base(), top()))

			check(t, dir, options(t))
			check(t, dir+":installer-amd64", options(t))
			check(t, pack(t, dir), options(t))
		})
	}
}

func TestDockerArchive(t *testing.T) {
	for _, mt := range mediaTypes[:2] {
		path := filepath.Join(t.TempDir(), "docker.tar")

		tag, err := name.NewTag("akmon/installer:v1")
		if err != nil {
			t.Fatal(err)
		}

		if err := tarball.WriteToFile(path, tag, installer(t, "amd64", mt, base(), top())); err != nil {
			t.Fatal(err)
		}

		check(t, path, options(t))
	}
}

func TestRegistry(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)

	host := strings.TrimPrefix(srv.URL, "http://")

	push := func(ref string, put func(name.Reference) error) string {
		r, err := name.ParseReference(host+"/"+ref, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}

		if err := put(r); err != nil {
			t.Fatal(err)
		}

		return r.Name()
	}

	amd64 := installer(t, "amd64", types.OCILayer, base(), top())
	one := push("one:v1", func(r name.Reference) error { return remote.Write(r, amd64) })
	both := push("both:v1", func(r name.Reference) error {
		return remote.WriteIndex(r, mutate.AppendManifests(empty.Index,
			mutate.IndexAddendum{Add: installer(t, "arm64", types.OCILayer, base())},
			mutate.IndexAddendum{Add: amd64, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}))
	})

	check(t, one, options(t))
	check(t, both, options(t))

	o := options(t)
	o.Insecure = true
	check(t, both, o)

	for ref, want := range map[string]string{one: "only for amd64", both: "only for amd64", host + "/none:v1": "NAME_UNKNOWN"} {
		o := options(t)
		o.Arch = "riscv64"

		if _, err := assets.Open(t.Context(), ref, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestDirectories(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "usr/install/amd64")

	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}

	for n, b := range map[string][]byte{assets.Kernel: kernel, assets.OSRelease: []byte("ID=akmon\n")} {
		if err := os.WriteFile(filepath.Join(dir, n), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, ref := range []string{root, filepath.Dir(dir), dir} {
		check(t, ref, options(t))
	}

	o := options(t)
	o.Arch = "arm64"

	if _, err := assets.Open(t.Context(), root, o); !errors.Is(err, assets.ErrNotFound) || !strings.Contains(err.Error(), "only for amd64") {
		t.Errorf("error: %v", err)
	}

	o = options(t)
	o.Names = append(o.Names, assets.Stub)

	if _, err := assets.Open(t.Context(), root, o); !errors.Is(err, assets.ErrNotFound) || !strings.Contains(err.Error(), "systemd-stub.efi") {
		t.Errorf("error: %v", err)
	}
}

// TestDamage changes one byte in the middle of the kernel's layer.
func TestDamage(t *testing.T) {
	for _, mt := range mediaTypes {
		t.Run(string(mt), func(t *testing.T) {
			img := installer(t, "amd64", mt, base(), top())
			dir := writeLayout(t, img)

			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}

			digest, _ := layers[1].Digest()
			path := filepath.Join(dir, "blobs", "sha256", digest.Hex)

			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}

			b[len(b)/2] ^= 1

			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}

			o := options(t)

			s, err := assets.Open(t.Context(), dir, o)
			if err == nil {
				err = s.Verify()
				s.Close()
			}

			if err == nil {
				t.Error("damage goes unnoticed")
			}

			if entries, _ := os.ReadDir(o.TempDir); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}

			if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
				t.Fatal(err)
			}

			if _, err := assets.Open(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "cut off or damaged") {
				t.Errorf("a layer that is cut off: %v", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	two := writeLayout(t, installer(t, "amd64", types.OCILayer, base()), installer(t, "amd64", types.OCILayer, base(), top()))
	one := writeLayout(t, installer(t, "amd64", types.OCILayer, base(), top()))
	opaque := writeLayout(t, installer(t, "amd64", types.OCILayer, base(), []file{{"usr/install/.wh..wh..opq", nil}}))

	notTar := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(notTar, []byte(strings.Repeat("notes\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}

	otherTar := filepath.Join(t.TempDir(), "other.tar")
	if err := os.WriteFile(otherTar, tarOf(t, base()), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name, ref string
		change    func(o *assets.Options)
		want      string
	}{
		{"no such path", "./none", nil, "no such file"},
		{"no such archive", "none.tar", nil, "no such file"},
		{"not a reference", "UPPER CASE", nil, "as an image reference"},
		{"other architecture", one, func(o *assets.Options) { o.Arch = "arm64" }, "only for amd64"},
		{"several images", two, nil, "choose one with PATH:NAME"},
		{"no such name", one + ":none", nil, `no image "none", only installer-amd64`},
		{"deleted file", one, func(o *assets.Options) { o.Names = []string{"gone"} }, "no file /usr/install/amd64/gone"},
		{"deleted directory", opaque, nil, "it has no files for amd64"},
		{"missing file", one, func(o *assets.Options) { o.Names = []string{assets.Stub} }, "systemd-stub.efi"},
		{"not an archive", notTar, nil, "neither a directory nor a tar archive"},
		{"archive of something else", otherTar, nil, "it is no image"},
		{"empty directory", t.TempDir(), nil, "nor for any other architecture"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			if tt.change != nil {
				tt.change(&o)
			}

			_, err := assets.Open(t.Context(), tt.ref, o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}

			if entries, _ := os.ReadDir(o.TempDir); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	dir := writeLayout(t, installer(t, "amd64", types.OCILayer, base(), top()))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := assets.Open(ctx, dir, options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}

// FuzzArchive opens damaged archives of images.
func FuzzArchive(f *testing.F) {
	f.Add([]byte("not an archive"))

	small := []file{{"usr/install/amd64/vmlinuz", []byte("kernel")}, {"usr/install/amd64/os-release", []byte("x")}}
	for _, mt := range mediaTypes {
		b, err := os.ReadFile(pack(f, writeLayout(f, installer(f, "amd64", mt, small))))
		if err != nil {
			f.Fatal(err)
		}

		f.Add(b)
	}

	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}

		s, err := assets.Open(t.Context(), path, options(t))
		if err != nil {
			return
		}

		_ = s.Verify()
		s.Close()
	})
}
