package frontend_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDocker builds the target with the BuildKit that is part of a Docker
// engine. One before version 23 can't merge file systems and says so.
func TestDocker(t *testing.T) {
	needRoot(t)

	x := newBuildx(t, "")
	host, version := dockerd(t)
	x.env = append(x.env, "DOCKER_HOST="+host)

	s := newSite(t)
	// The engine has no network for its containers.
	dir := newTree(t, s, s.frontendImage(t), "offline")
	file := filepath.Join(t.TempDir(), "app.tar")

	if version < 23 {
		_, stderr, err := x.build(t, dir, s, "--target=app")
		if err == nil || !strings.Contains(stderr, "BuildKit 0.10") {
			t.Fatalf("%v, want that it is too old:\n%s", err, stderr)
		}

		return
	}

	if _, stderr, err := x.build(t, dir, s, "--target=app", "--output=type=oci,dest="+file+sameAttrs); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}

	same(t, embedded(t, dir, "app"), file)
}

// dockerd starts a Docker engine, the one that AKMON_DOCKERD names or the
// machine's, and returns its address and major version.
func dockerd(t *testing.T) (host string, version int) {
	t.Helper()

	program, client := tool(t, "AKMON_DOCKERD", "dockerd"), tool(t, "", "docker")

	out, err := exec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil {
		t.Skipf("%s: %v", program, err)
	}

	// "Docker version 26.1.5, build …"
	_, after, _ := strings.Cut(string(out), "version ")
	major, _, _ := strings.Cut(after, ".")

	if version, err = strconv.Atoi(major); err != nil {
		t.Fatalf("%s says it is %q", program, out)
	}

	dir, err := os.MkdirTemp("", "akmon-docker-")
	if err != nil {
		t.Fatal(err)
	}

	host = "unix://" + filepath.Join(dir, "s")
	config := filepath.Join(dir, "daemon.json")

	// The image store of containerd is what can write OCI archives.
	text := "{}"
	if version >= 24 {
		text = `{"features": {"containerd-snapshotter": true}}`
	}

	write(t, config, text)

	daemon(t, dir, func() bool {
		return exec.CommandContext(context.Background(), client, "--host", host, "version").Run() == nil
	}, program, "--host", host, "--config-file", config, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")

	return host, version
}
