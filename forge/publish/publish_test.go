package publish

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"log"
	"math/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/akmon-os/akmon/forge/publish/cosign"
)

var (
	ctx   = context.Background()
	quiet = registry.Logger(log.New(io.Discard, "", 0))
)

// testImage is an OCI image of two layers, the same for the same seed.
func testImage(t *testing.T, seed int64, arch string) v1.Image {
	t.Helper()

	img, err := random.Image(3000, 2, random.WithSource(rand.NewSource(seed)))
	if err != nil {
		t.Fatal(err)
	}

	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	config = config.DeepCopy()
	config.Created, config.OS, config.Architecture = v1.Time{}, "linux", arch

	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}

	return mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// imageLayout writes a layout with one image named v1.
func imageLayout(t *testing.T) string {
	t.Helper()

	dir := filepath.Join(t.TempDir(), "image")

	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := path.AppendImage(testImage(t, 1, "amd64"), layout.WithAnnotations(map[string]string{refNameAnnotation: "v1"})); err != nil {
		t.Fatal(err)
	}

	return dir
}

// indexLayout writes a layout with one index of two platforms named v1.
func indexLayout(t *testing.T) string {
	t.Helper()

	dir := filepath.Join(t.TempDir(), "index")

	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	var index v1.ImageIndex = empty.Index

	for i, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        testImage(t, int64(10+i), arch),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}

	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{refNameAnnotation: "v1"})); err != nil {
		t.Fatal(err)
	}

	return dir
}

func testKey(t *testing.T, name string) crypto.Signer {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("cosign", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}

	key, err := cosign.ParsePrivateKey(data, nil)
	if err != nil {
		t.Fatal(err)
	}

	return key
}

func open(t *testing.T, ref string) *Target {
	t.Helper()

	target, err := Open(ctx, ref, Options{})
	if err != nil {
		t.Fatal(err)
	}

	return target
}

// startRegistry serves a real registry on loopback and returns host:port.
func startRegistry(t *testing.T, opts ...registry.Option) string {
	t.Helper()

	server := httptest.NewServer(registry.New(append(opts, quiet)...))
	t.Cleanup(server.Close)

	return strings.TrimPrefix(server.URL, "http://")
}

// signed signs the image and attaches a signed document.
func signed(t *testing.T, dir string) *Target {
	t.Helper()

	key, target := testKey(t, "ec.pem"), open(t, dir)

	sbom, err := target.Attach(ctx, SPDXType, []byte(`{"spdxVersion":"SPDX-2.3"}`), map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}

	for _, x := range []*Target{sbom, target} {
		if err := Sign(ctx, x, key, SignOptions{Identity: "registry.example/akmon/installer"}); err != nil {
			t.Fatal(err)
		}
	}

	return target
}

func TestOpenLayout(t *testing.T) {
	dir := imageLayout(t)

	img, err := testImage(t, 1, "amd64").Digest()
	if err != nil {
		t.Fatal(err)
	}

	for _, ref := range []string{dir, "oci:" + dir, dir + ":v1", "oci:" + dir + ":v1", "oci:" + dir + "@" + img.String()} {
		if got := open(t, ref); got.Digest() != img {
			t.Errorf("%s: got %s, want %s", ref, got.Digest(), img)
		}
	}

	for ref, want := range map[string]string{
		"oci:" + dir + ":v2":        "not found",
		"oci:" + dir + "@sha256:00": "sha256:00",
		"oci:":                      "empty image reference",
		filepath.Join(dir, "blobs"): "no file oci-layout",
		"./nothing":                 "no such file",
		"oci:nothing:v1":            "no such file",
		"Bad Reference":             "could not parse reference",
	} {
		if _, err := Open(ctx, ref, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", ref, err, want)
		}
	}
}

func TestOpenAsksWhichImage(t *testing.T) {
	dir := imageLayout(t)
	if err := layout.Path(dir).AppendImage(testImage(t, 2, "amd64")); err != nil {
		t.Fatal(err)
	}

	_, err := Open(ctx, dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "holds 2 images") || !strings.Contains(err.Error(), "v1, @sha256:") {
		t.Errorf("got %v", err)
	}
}

func TestSignAndVerify(t *testing.T) {
	for name, dir := range map[string]string{"image": imageLayout(t), "index": indexLayout(t)} {
		t.Run(name, func(t *testing.T) {
			target := signed(t, dir)

			// The attachments must not count as images.
			if got := open(t, dir); got.Digest() != target.Digest() {
				t.Errorf("after signing, the layout opens as %s", got)
			}

			got, err := Verify(ctx, target, testKey(t, "ec.pem").Public())
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff([]cosign.Payload{{
				Digest: target.Digest().String(), Identity: "registry.example/akmon/installer",
			}}, got.Payloads); diff != "" {
				t.Errorf("payloads (-want +got):\n%s", diff)
			}

			if len(got.Attachments) != 1 || !got.Attachments[0].Signed || got.Attachments[0].ArtifactType != SPDXType {
				t.Errorf("attachments: %+v", got.Attachments)
			}

			if _, err := Verify(ctx, target, testKey(t, "rsa.pem").Public()); !errors.Is(err, ErrWrongKey) {
				t.Errorf("another key: got %v, want ErrWrongKey", err)
			}
		})
	}
}

func TestUnsignedIsSaidSo(t *testing.T) {
	target := open(t, imageLayout(t))

	_, err := Verify(ctx, target, testKey(t, "ec.pem").Public())
	if !errors.Is(err, ErrNoSignature) || errors.Is(err, ErrWrongKey) {
		t.Errorf("got %v, want ErrNoSignature", err)
	}
}

func TestSigningTwiceChangesNothing(t *testing.T) {
	dir := imageLayout(t)
	signed(t, dir)

	before := snapshot(t, dir)

	signed(t, dir)

	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the layout changed:\n%s", diff)
	}
}

func TestSignaturesOfSeveralKeys(t *testing.T) {
	target := open(t, imageLayout(t))

	for _, name := range []string{"ec.pem", "rsa.pem", "ed25519.pem", "ec.pem"} {
		if err := Sign(ctx, target, testKey(t, name), SignOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	for _, name := range []string{"ec.pem", "rsa.pem", "ed25519.pem"} {
		got, err := Verify(ctx, target, testKey(t, name).Public())
		if err != nil {
			t.Fatal(err)
		}

		if len(got.Payloads) != 1 {
			t.Errorf("%s: %d signatures, want 1", name, len(got.Payloads))
		}
	}
}

// A signature that is moved to another image is not that image's.
func TestSignatureForAnotherImage(t *testing.T) {
	dir := imageLayout(t)
	target := signed(t, dir)

	if err := layout.Path(dir).AppendImage(testImage(t, 2, "amd64"),
		layout.WithAnnotations(map[string]string{refNameAnnotation: "v2"})); err != nil {
		t.Fatal(err)
	}

	other := open(t, dir+":v2")

	sig, err := target.store.byTag(ctx, SignatureTag(target.Digest()))
	if err != nil {
		t.Fatal(err)
	}

	if err := target.store.(*layoutStore).putEntry(sig, SignatureTag(other.Digest())); err != nil {
		t.Fatal(err)
	}

	_, err = Verify(ctx, other, testKey(t, "ec.pem").Public())
	if !errors.Is(err, ErrNoSignature) || !strings.Contains(err.Error(), "another image") {
		t.Errorf("got %v, want ErrNoSignature for another image", err)
	}
}

// One changed byte in any blob is found, and the blob is named.
func TestOneChangedByte(t *testing.T) {
	for name, dir := range map[string]string{"image": imageLayout(t), "index": indexLayout(t)} {
		t.Run(name, func(t *testing.T) {
			target := signed(t, dir)
			key := testKey(t, "ec.pem").Public()

			blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
			if err != nil || len(blobs) < 8 {
				t.Fatalf("blobs: %d, %v", len(blobs), err)
			}

			for _, blob := range blobs {
				data, err := os.ReadFile(blob)
				if err != nil {
					t.Fatal(err)
				}

				for _, at := range []int{0, len(data) / 2, len(data) - 1} {
					bad := bytes.Clone(data)
					bad[at] ^= 1

					if err := os.WriteFile(blob, bad, 0o644); err != nil {
						t.Fatal(err)
					}

					_, err := Verify(ctx, target, key)
					if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), filepath.Base(blob)) {
						t.Errorf("byte %d of %s: got %v, want ErrChanged with its name", at, filepath.Base(blob), err)
					}
				}

				if err := os.WriteFile(blob, data[:len(data)-1], 0o644); err != nil {
					t.Fatal(err)
				}

				if _, err := Verify(ctx, target, key); !errors.Is(err, ErrChanged) {
					t.Errorf("cut-off %s: got %v, want ErrChanged", filepath.Base(blob), err)
				}

				if err := os.Remove(blob); err != nil {
					t.Fatal(err)
				}

				if _, err := Verify(ctx, target, key); !errors.Is(err, ErrNotFound) {
					t.Errorf("removed %s: got %v, want ErrNotFound", filepath.Base(blob), err)
				}

				if err := os.WriteFile(blob, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}

			if _, err := Verify(ctx, target, key); err != nil {
				t.Errorf("restored: %v", err)
			}
		})
	}
}

func TestAttach(t *testing.T) {
	target := open(t, imageLayout(t))
	content := []byte(`{"spdxVersion":"SPDX-2.3"}`)

	for range 2 {
		if _, err := target.Attach(ctx, SPDXType, content, nil); err != nil {
			t.Fatal(err)
		}
	}

	found, err := target.Referrers(ctx, SPDXType)
	if err != nil {
		t.Fatal(err)
	}

	if len(found) != 1 {
		t.Fatalf("%d referrers, want 1", len(found))
	}

	got, err := found[0].Content(ctx)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(content, got); diff != "" {
		t.Error(diff)
	}

	if none, err := target.Referrers(ctx, "text/plain"); err != nil || len(none) != 0 {
		t.Errorf("other type: %v, %v", none, err)
	}
}

func TestForPlatformAndViews(t *testing.T) {
	target := open(t, indexLayout(t))

	child, err := target.ForPlatform(ctx, v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		t.Fatal(err)
	}

	img, err := child.Image(ctx)
	if err != nil {
		t.Fatal(err)
	}

	if err := validate.Image(img); err != nil {
		t.Error(err)
	}

	index, err := target.Index(ctx)
	if err != nil {
		t.Fatal(err)
	}

	if err := validate.Index(index); err != nil {
		t.Error(err)
	}

	if _, err := target.ForPlatform(ctx, v1.Platform{OS: "linux", Architecture: "riscv64"}); !errors.Is(err, ErrNotFound) ||
		!strings.Contains(err.Error(), "riscv64") {
		t.Errorf("got %v", err)
	}

	if _, err := target.Image(ctx); err == nil {
		t.Error("an index opened as an image")
	}

	if _, err := child.Index(ctx); err == nil {
		t.Error("an image opened as an index")
	}
}

// skopeo reads what we write.
func TestSkopeoReadsTheLayout(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}

	dir := imageLayout(t)
	target := signed(t, dir)

	for _, tag := range []string{"v1", SignatureTag(target.Digest())} {
		out, err := exec.Command(skopeo, "inspect", "--raw", "oci:"+dir+":"+tag).CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo inspect %s: %v\n%s", tag, err, out)
		}
	}

	to := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command(skopeo, "copy", "--insecure-policy", "oci:"+dir+":v1", "oci:"+to+":v1").CombinedOutput(); err != nil {
		t.Fatalf("skopeo copy: %v\n%s", err, out)
	}

	if got := open(t, to); got.Digest() != target.Digest() {
		t.Errorf("skopeo's copy is %s", got)
	}
}

// snapshot maps the files of a directory to their contents.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()

	files := map[string]string{}

	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(data)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files
}
