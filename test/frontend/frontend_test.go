package frontend_test

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/forge"
)

// sameAttrs are the exporter's attributes that akmon build sets.
const sameAttrs = ",oci-mediatypes=true,compression=uncompressed,force-compression=true,rewrite-timestamp=true"

// TestOneDigest builds one target with the embedded engine, and through the
// frontend with buildctl and docker buildx, in a BuildKit daemon: with one
// digest.
func TestOneDigest(t *testing.T) {
	needRoot(t)

	address := buildkitd(t)
	s := newSite(t)
	ref := s.frontendImage(t)
	dir := newTree(t, s, ref)
	want := embedded(t, dir, "app")

	t.Run("gateway", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "app.tar")
		s.buildctl(t, address, dir, file, "--frontend=gateway.v0", "--opt=source="+ref, "--opt=target=app")
		same(t, want, file)
	})

	t.Run("syntax line", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "app.tar")
		s.buildctl(t, address, dir, file, "--frontend=dockerfile.v0", "--opt=filename=pkg.yaml", "--opt=target=app")
		same(t, want, file)
	})

	t.Run("buildx", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "app.tar")
		x := newBuildx(t, address)

		if _, stderr, err := x.build(t, dir, s, "--target=app", "--output=type=oci,dest="+file+sameAttrs); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}

		same(t, want, file)
	})
}

// embedded builds a target as akmon build does.
func embedded(t *testing.T, dir, target string) v1.ImageIndex {
	t.Helper()

	result, out, err := build(t, dir, target, func(*forge.Options) {})
	if err != nil {
		t.Fatal(err)
	}

	index := openLayout(t, out)
	if d := digestOf(t, index); d != result.Targets[0].Digest {
		t.Fatalf("the layout holds %s, the result says %s", d, result.Targets[0].Digest)
	}

	return index
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))

	return len(p), nil
}

// buildctl builds into an OCI archive.
func (s *site) buildctl(t *testing.T, address, dir, file string, args ...string) {
	t.Helper()

	if stderr, err := s.tryBuildctl(t, address, dir, append(args, "--output=type=oci,dest="+file+sameAttrs)...); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
}

func (s *site) tryBuildctl(t *testing.T, address, dir string, args ...string) (string, error) {
	t.Helper()

	_, stderr, err := run(t.Context(), nil, tool(t, "AKMON_BUILDCTL", "buildctl"), append([]string{
		"--addr", address, "build", "--progress=plain", "--local=context=" + dir, "--local=dockerfile=" + dir,
		"--opt=build-arg:AKMON_GOPROXY=" + s.url + "/go",
	}, args...)...) // what comes later wins

	return stderr, err
}
