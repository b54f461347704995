package engine_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/engine"
)

func TestExports(t *testing.T) {
	e := open(t, engine.Options{})
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }

	r := request(t, step("a", "write", "/out/a", "A"),
		engine.Export{Type: engine.OCILayout, Path: path("layout")},
		engine.Export{Type: engine.OCITar, Path: path("oci.tar"), Names: []string{"example.test/a:v1"}},
		engine.Export{Type: engine.DockerTar, Path: path("docker.tar"), Names: []string{"example.test/a:v1"}},
		engine.Export{Type: engine.LocalDir, Path: path("local")},
		engine.Export{Type: engine.OCILayout, Path: path("another")},
	)
	r.Images[0].Config = []byte(`{"config":{"Entrypoint":["/a"],"Labels":{"k":"v"}}}`)
	r.Images[0].Platform = ocispecs.Platform{OS: "linux", Architecture: "arm64"}
	r.Compression = engine.Gzip // the validator below reads no other layers
	r.Annotations = map[string]string{"org.example": "yes"}

	// What is in a plain directory stays.
	if err := os.Mkdir(path("local"), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path("local/other"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}

	result := solve(t, e, r)

	index, err := layout.ImageIndexFromPath(path("layout"))
	if err != nil {
		t.Fatal(err)
	}

	if err := validate.Index(index); err != nil {
		t.Error(err)
	}

	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}

	if got := manifest.Manifests[0].Digest.String(); got != result.Digest {
		t.Errorf("layout holds %s, the result is %s", got, result.Digest)
	}

	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}

	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"linux", "arm64", "/a", "v"}, []string{config.OS, config.Architecture, config.Config.Entrypoint[0], config.Config.Labels["k"]}); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}

	if m, err := image.Manifest(); err != nil || m.Annotations["org.example"] != "yes" {
		t.Errorf("annotations: %v, %v", m.Annotations, err)
	}

	if _, ok := tarEntries(t, path("oci.tar"))["blobs/sha256/"+result.Digest[len("sha256:"):]]; !ok {
		t.Error("the tar file does not hold the manifest")
	}

	var docker []struct{ RepoTags []string }
	if err := json.Unmarshal(tarEntries(t, path("docker.tar"))["manifest.json"], &docker); err != nil || len(docker) != 1 || docker[0].RepoTags[0] != "example.test/a:v1" {
		t.Errorf("docker tar: %v, %v", docker, err)
	}

	for name, want := range map[string]string{"a": "A", "other": "mine"} {
		if got, err := os.ReadFile(path("local/" + name)); err != nil || string(got) != want {
			t.Errorf("local/%s: %q, %v", name, got, err)
		}
	}

	// Replacing: a second export over the first, and nothing beside them.
	r.Images[0].Config = nil
	solve(t, e, r)

	want := []string{"another", "docker.tar", "layout", "local", "oci.tar"}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("left in the directory (-want +got):\n%s", diff)
	}
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()

	e := open(t, engine.Options{})
	ref := strings.TrimPrefix(server.URL, "http://") + "/akmon/a:v1"
	out := filepath.Join(t.TempDir(), "out")
	result := solve(t, e, request(t, step("a", "write", "/out/a", "A"),
		engine.Export{Type: engine.Registry, Names: []string{ref}, Insecure: true},
		engine.Export{Type: engine.OCILayout, Path: out},
	))

	pushed, err := crane.Digest(ref, crane.Insecure)
	if err != nil || pushed != result.Digest {
		t.Errorf("pushed %s, %v; built %s", pushed, err, result.Digest)
	}

	// Nobody listens any more: one error, and no half of an export.
	server.Close()

	dir := t.TempDir()
	_, err = e.Solve(t.Context(), request(t, step("b", "write", "/out/b", "B"),
		engine.Export{Type: engine.Registry, Names: []string{ref}, Insecure: true},
		engine.Export{Type: engine.OCILayout, Path: filepath.Join(dir, "out")},
	))

	if err == nil || names(t, dir) != nil {
		t.Errorf("pushing to nobody: %v, left %v", err, names(t, dir))
	}

	t.Log(err)
}

func TestIndexOfTwoPlatforms(t *testing.T) {
	e := open(t, engine.Options{})
	out := filepath.Join(t.TempDir(), "layout")

	r := request(t, step("amd64", "write", "/out/a", "amd64"), engine.Export{Type: engine.OCILayout, Path: out})
	r.Compression = engine.Gzip // the validator below reads no other layers
	r.Images[0].Platform = ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	r.Images = append(r.Images, engine.Image{
		Definition: marshal(t, step("arm64", "write", "/out/a", "arm64")),
		Platform:   ocispecs.Platform{OS: "linux", Architecture: "arm64"},
	})

	result := solve(t, e, r)
	if result.Descriptor.MediaType != ocispecs.MediaTypeImageIndex {
		t.Errorf("two images gave a %s", result.Descriptor.MediaType)
	}

	index, err := layout.ImageIndexFromPath(out)
	if err != nil {
		t.Fatal(err)
	}

	if err := validate.Index(index); err != nil {
		t.Error(err)
	}

	// The helper is copied once for both.
	if result.Executed != 3 {
		t.Errorf("executed %d steps, want 3", result.Executed)
	}
}

func TestBaseFromLayout(t *testing.T) {
	e := open(t, engine.Options{})
	dir := filepath.Join(t.TempDir(), "base")
	made := solve(t, e, request(t, base(), engine.Export{Type: engine.OCILayout, Path: dir}))

	store, err := local.NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}

	state := llb.OCILayout("akmon.local/base@"+made.Digest, llb.OCIStore("", "bootstrap")).
		Network(llb.NetModeNone).Run(llb.Args([]string{"/helper", "write", "/out/a", "A"})).AddMount("/out", llb.Scratch())

	other := open(t, engine.Options{})
	out := filepath.Join(t.TempDir(), "out")
	r := request(t, state, engine.Export{Type: engine.LocalDir, Path: out})
	r.OCIStores = map[string]content.Store{"bootstrap": store}

	if got := solve(t, other, r); got.Executed != 1 {
		t.Errorf("executed %d, want 1", got.Executed)
	}

	if got := solve(t, other, r); got.Executed != 0 {
		t.Errorf("executed %d the second time, want 0", got.Executed)
	}
}

func TestSameDigestFromEmptyStates(t *testing.T) {
	var digests []string

	for range 2 {
		e := open(t, engine.Options{})
		r := request(t, both(base(), step("a", "fill", "/out/a", "3"), step("b", "write", "/out/b", "B")), engine.Export{Type: engine.OCITar, Path: filepath.Join(t.TempDir(), "a.tar")})
		first := solve(t, e, r)

		r.NoCache = true
		second := solve(t, e, r)

		if second.Executed < 4 {
			t.Errorf("without cache only %d steps ran", second.Executed)
		}

		digests = append(digests, first.Digest, second.Digest)
	}

	for _, d := range digests {
		if d == "" || d != digests[0] {
			t.Fatalf("digests differ: %v", digests)
		}
	}
}

func TestRefusedExports(t *testing.T) {
	e := open(t, engine.Options{})
	dir := t.TempDir()
	file := filepath.Join(dir, "file")

	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for name, exports := range map[string][]engine.Export{
		"a layout over a full directory": {{Type: engine.OCILayout, Path: dir}},
		"a layout over a file":           {{Type: engine.OCILayout, Path: file}},
		"a tar over a directory":         {{Type: engine.OCITar, Path: dir}},
		"a tree over a file":             {{Type: engine.LocalDir, Path: file}},
		"no path":                        {{Type: engine.OCITar}},
		"a push without a name":          {{Type: engine.Registry}},
		"an unknown form":                {{Type: "zip", Path: file}},
	} {
		if _, err := e.Solve(t.Context(), request(t, step("a", "write", "/out/a", "A"), exports...)); err == nil {
			t.Errorf("%s was not refused", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}

	if diff := cmp.Diff([]string{"file"}, names(t, dir)); diff != "" {
		t.Errorf("left in the directory (-want +got):\n%s", diff)
	}
}

func tarEntries(t *testing.T, path string) map[string][]byte {
	t.Helper()

	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	entries := map[string][]byte{}

	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}

		if err != nil {
			t.Fatal(err)
		}

		if entries[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}

	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}

	return list
}
