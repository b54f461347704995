package frontend_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// tool finds a program by a variable that names it, or by name; without it the
// test is skipped.
func tool(t *testing.T, variable, name string) string {
	t.Helper()

	if path := os.Getenv(variable); path != "" {
		return path
	}

	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s, and %s names none", name, variable)
	}

	return path
}

func needRoot(t *testing.T) {
	t.Helper()

	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("starting a daemon that runs steps needs root on Linux")
	}

	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("there is no runc")
	}
}

// daemon runs a program until the test ends; ready tells when it answers.
func daemon(t *testing.T, dir string, ready func() bool, name string, args ...string) {
	t.Helper()

	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)

		select {
		case <-exited:
		case <-time.After(30 * time.Second):
			t.Errorf("%s did not stop and is killed", name)

			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}

		log.Close()

		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", name, text[max(0, len(text)-4000):])
		}

		if err := os.RemoveAll(dir); err != nil {
			t.Error("left behind:", err)
		}
	})

	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-exited:
			exited <- err
			text, _ := os.ReadFile(log.Name())
			t.Skipf("%s can't run here: %v\n%s", name, err, text[max(0, len(text)-2000):])
		default:
		}

		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", name)
		}
	}
}

// buildkitd starts a BuildKit daemon of its own and returns its address.
func buildkitd(t *testing.T, more ...string) string {
	t.Helper()
	needRoot(t)

	program, client := tool(t, "AKMON_BUILDKITD", "buildkitd"), tool(t, "AKMON_BUILDCTL", "buildctl")

	// A socket's path must be short, which a test's own directory may not be.
	dir, err := os.MkdirTemp("", "akmon-buildkitd-")
	if err != nil {
		t.Fatal(err)
	}

	config := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	address := "unix://" + filepath.Join(dir, "s")
	args := append([]string{
		"--config", config, "--root", filepath.Join(dir, "root"), "--addr", address, "--containerd-worker=false",
		"--oci-worker=true", "--oci-worker-snapshotter=overlayfs", "--oci-worker-binary=runc", "--oci-worker-net=host",
	}, more...)

	daemon(t, dir, func() bool {
		return exec.CommandContext(t.Context(), client, "--addr", address, "debug", "workers").Run() == nil
	}, program, args...)

	return address
}

// run runs a command and returns its standard output and error.
func run(ctx context.Context, env []string, name string, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer

	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()

	return out.String(), errs.String(), err
}
