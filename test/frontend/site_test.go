package frontend_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// repo is the root of the repository.
const repo = "../.."

// site is everything that a build finds outside of its tree: a registry and a
// web server, on this machine alone.
type site struct {
	host  string // of the registry
	url   string // of the web server
	files map[string][]byte
	mu    sync.Mutex
	asked map[string]int
}

// newSite serves the machine's module cache as a GOPROXY below /go, and files
// below /files.
func newSite(t *testing.T) *site {
	t.Helper()

	s := &site{files: map[string][]byte{}, asked: map[string]int{}}

	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(images.Close)

	s.host = strings.TrimPrefix(images.URL, "http://")

	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/go/", http.StripPrefix("/go/", http.FileServer(http.Dir(filepath.Join(strings.TrimSpace(string(cache)), "cache", "download")))))
	mux.HandleFunc("/files/", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		data, ok := s.files[strings.TrimPrefix(r.URL.Path, "/files/")]
		s.mu.Unlock()

		if !ok {
			http.NotFound(w, r)

			return
		}

		_, _ = w.Write(data)
	})

	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	s.url = server.URL

	return s
}

// serve puts a file up and returns its URL and sums.
func (s *site) serve(file string, data []byte) (url, sha256sum, sha512sum string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.files[file] = data
	a, b := sha256.Sum256(data), sha512.Sum512(data)

	return s.url + "/files/" + file, hex.EncodeToString(a[:]), hex.EncodeToString(b[:])
}

// programs are the Go packages that were built, by their paths.
var programs = map[string]func() ([]byte, error){
	repo + "/cmd/frontend": sync.OnceValues(func() ([]byte, error) { return compile(repo + "/cmd/frontend") }),
	"./testdata/shell":     sync.OnceValues(func() ([]byte, error) { return compile("./testdata/shell") }),
}

// program is a static program of this repository.
func program(t *testing.T, pkg string) []byte {
	t.Helper()

	data, err := programs[pkg]()
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func compile(pkg string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "akmon-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	file := filepath.Join(dir, "program")

	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")

	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}

	return os.ReadFile(file)
}

// frontendImage pushes the frontend image and returns its name: the layout that
// AKMON_FRONTEND_IMAGE names, as `akmon build frontend` writes it, or one made
// here of the program alone.
func (s *site) frontendImage(t *testing.T) string {
	t.Helper()

	ref := s.host + "/akmon/frontend:test"

	if dir := os.Getenv("AKMON_FRONTEND_IMAGE"); dir != "" {
		index, err := layout.ImageIndexFromPath(dir)
		if err != nil {
			t.Fatal(err)
		}

		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}

		for _, d := range manifest.Manifests {
			if d.Annotations["org.opencontainers.image.ref.name"] != "" {
				image, err := index.Image(d.Digest)
				if err != nil {
					t.Fatal(err)
				}

				push(t, ref, image)

				return ref
			}
		}

		t.Fatalf("%s names no image", dir)
	}

	push(t, ref, imageOf(t, v1.Config{
		Entrypoint: []string{"/usr/bin/frontend"},
		Labels: map[string]string{
			"moby.buildkit.frontend.caps":         "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts",
			"moby.buildkit.frontend.network.none": "true",
		},
	}, []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, {Name: "in/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "out/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "cache/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "usr/bin/frontend", Mode: 0o755},
	}, program(t, repo+"/cmd/frontend")))

	return ref
}

// imageOf makes an image of one layer. Regular files in it have the data.
func imageOf(t *testing.T, config v1.Config, headers []*tar.Header, data []byte) v1.Image {
	t.Helper()

	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tarOf(t, headers, data))), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}

	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err == nil {
		image, err = mutate.ConfigFile(image, configFile(t, image, config))
	}

	if err != nil {
		t.Fatal(err)
	}

	return image
}

func configFile(t *testing.T, image v1.Image, config v1.Config) *v1.ConfigFile {
	t.Helper()

	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config

	return file
}

func push(t *testing.T, ref string, image v1.Image) {
	t.Helper()

	tag, err := name.NewTag(ref, name.Insecure)
	if err == nil {
		err = remote.Write(tag, image)
	}

	if err != nil {
		t.Fatal(err)
	}
}

// tarOf is an archive whose regular files all have the data.
func tarOf(t *testing.T, headers []*tar.Header, data []byte) []byte {
	t.Helper()

	texts := make([][]byte, len(headers))

	for i, h := range headers {
		if h.Typeflag == 0 || h.Typeflag == tar.TypeReg {
			h.Size, texts[i] = int64(len(data)), data
		}
	}

	return tarOfAll(t, headers, texts)
}

func tarOfAll(t *testing.T, headers []*tar.Header, texts [][]byte) []byte {
	t.Helper()

	var out bytes.Buffer

	w := tar.NewWriter(&out)

	for i, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}

		if _, err := w.Write(texts[i]); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// deb is a Debian package (deb(5)): an ar archive of three members.
func deb(t *testing.T, headers []*tar.Header, data []byte) []byte {
	t.Helper()

	out := []byte("!<arch>\n")

	for _, member := range []struct {
		name string
		data []byte
	}{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar", tarOf(t, nil, nil)},
		{"data.tar", tarOf(t, headers, data)},
	} {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", member.name, 0, 0, 0, 0o100644, len(member.data), member.data)
		if len(member.data)%2 == 1 {
			out = append(out, '\n')
		}
	}

	return out
}
