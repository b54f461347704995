package frontend_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// buildx is docker buildx with a configuration of its own.
type buildx struct {
	command []string
	env     []string
}

// newBuildx makes buildx use the BuildKit at an address. It is the program that
// AKMON_BUILDX names, or the plug-in of the docker client.
func newBuildx(t *testing.T, address string) *buildx {
	t.Helper()

	x := &buildx{command: []string{os.Getenv("AKMON_BUILDX")}}
	if x.command[0] == "" {
		if exec.Command("docker", "buildx", "version").Run() != nil {
			t.Skip("docker has no buildx plug-in, and AKMON_BUILDX names none")
		}

		x.command = []string{"docker", "buildx"}
	}

	dir := t.TempDir()
	x.env = []string{"DOCKER_CONFIG=" + dir, "BUILDX_CONFIG=" + filepath.Join(dir, "buildx"), "BUILDX_NO_DEFAULT_ATTESTATIONS=1", "BUILDX_METADATA_PROVENANCE=disabled"}

	if address != "" {
		if _, stderr, err := x.run(t, "create", "--name=akmon-test", "--driver=remote", "--use", address); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
	}

	return x
}

func (x *buildx) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()

	return run(t.Context(), x.env, x.command[0], append(x.command[1:], args...)...)
}

// build builds the tree in dir, by its root document's first line.
func (x *buildx) build(t *testing.T, dir string, s *site, args ...string) (stdout, stderr string, err error) {
	t.Helper()

	return x.run(t, append(append([]string{
		"build", "--progress=plain", "--file=" + filepath.Join(dir, "pkg.yaml"), "--build-arg=AKMON_GOPROXY=" + s.url + "/go",
	}, args...), dir)...)
}
