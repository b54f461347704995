package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/engine"
)

func TestFailedStep(t *testing.T) {
	e := open(t, engine.Options{})
	dir := t.TempDir()
	_, err := e.Solve(t.Context(), request(t, step("bad", "fail", "100", "7"), engine.Export{Type: engine.OCITar, Path: filepath.Join(dir, "out.tar")}))

	var failed *engine.StepError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}

	if failed.Step.Package != "bad" || failed.ExitCode != 7 {
		t.Errorf("package %q, exit code %d", failed.Step.Package, failed.ExitCode)
	}

	var want []string
	for i := 71; i <= 100; i++ {
		want = append(want, fmt.Sprintf("line %d", i))
	}

	if diff := cmp.Diff(want, failed.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}

	if got := names(t, dir); got != nil {
		t.Errorf("left in the directory: %v", got)
	}

	t.Logf("%v", err)
}

func TestMissingCommand(t *testing.T) {
	e := open(t, engine.Options{})
	_, err := e.Solve(t.Context(), request(t, step("bad", "no-such-verb")))

	var failed *engine.StepError
	if !errors.As(err, &failed) || failed.ExitCode != 1 {
		t.Errorf("got %v", err)
	}
}

func TestCancel(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	dir := t.TempDir()
	e := open(t, engine.Options{StateDir: state})
	ctx, cancel := context.WithCancelCause(t.Context())

	go func() {
		waitFor(t, "the container", func() bool { return len(left(t, state).containers) > 0 })
		cancel(errors.New("interrupted"))
	}()

	_, err := e.Solve(ctx, request(t, step("slow", "sleep", "10m"), engine.Export{Type: engine.OCILayout, Path: filepath.Join(dir, "out")}))
	if err == nil || err.Error() != "the build was cancelled: interrupted" {
		t.Errorf("got %v", err)
	}

	if got := left(t, state); len(got.containers) > 0 {
		t.Errorf("after Solve: %+v", got)
	}

	if err := e.Close(); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff(leftOver{}, left(t, state), cmp.AllowUnexported(leftOver{})); diff != "" {
		t.Errorf("after Close (-want +got):\n%s", diff)
	}

	if got := names(t, dir); got != nil {
		t.Errorf("left in the directory: %v", got)
	}
}

func TestKilledBuildIsCleanedUp(t *testing.T) {
	needHost(t)

	state := filepath.Join(t.TempDir(), "state")
	dir := t.TempDir()
	helper, _ := toolsDir()

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+state, childTools+"="+helper, childOut+"="+filepath.Join(dir, "out"))
	cmd.Stderr = os.Stderr

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	waitFor(t, "the container", func() bool { return len(left(t, state).containers) > 0 })

	// While it lives, nobody else gets in.
	var locked *engine.LockedError
	if _, err := engine.Open(t.Context(), engine.Options{StateDir: state, NoWait: true}); !errors.As(err, &locked) || locked.PID != cmd.Process.Pid {
		t.Errorf("second process: %v", err)
	}

	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()

	var told []string
	if _, err := engine.Open(short, engine.Options{StateDir: state, Log: func(m string) { told = append(told, m) }}); !errors.Is(err, context.DeadlineExceeded) || len(told) != 1 {
		t.Errorf("waiting process: %v, told %q", err, told)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	_ = cmd.Wait()

	if got := left(t, state); len(got.containers) == 0 || len(got.mounts) == 0 {
		t.Fatalf("the killed build left nothing to clean up: %+v", got)
	}

	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("the killed build left %v", got)
	}

	told = nil
	e := open(t, engine.Options{StateDir: state, Log: func(m string) { told = append(told, m) }})

	if len(told) != 1 || !strings.Contains(told[0], "removed what an interrupted build had left: 1 container") {
		t.Errorf("told %q", told)
	}

	if diff := cmp.Diff(leftOver{}, left(t, state), cmp.AllowUnexported(leftOver{})); diff != "" {
		t.Errorf("after the next Open (-want +got):\n%s", diff)
	}

	if got := names(t, dir); got != nil {
		t.Errorf("left in the directory: %v", got)
	}

	solve(t, e, request(t, step("a", "write", "/out/a", "A")))
}

func TestDiskFull(t *testing.T) {
	needHost(t)

	small := func(t *testing.T) string {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
			t.Skipf("mounting a tmpfs: %v", err)
		}

		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				out, _ := exec.Command("sh", "-c", "ls -l /proc/*/fd /proc/*/cwd /proc/*/root 2>/dev/null | grep "+dir+"; grep -l "+dir+" /proc/*/mountinfo; grep "+dir+" /proc/*/maps; grep "+dir+" /proc/self/mountinfo").CombinedOutput()
				t.Errorf("%v %s", err,out)
			}
		})

		return dir
	}

	check := func(t *testing.T, err error, path string) {
		t.Helper()

		var full *engine.DiskFullError
		if !errors.As(err, &full) || !strings.HasPrefix(full.Path, path) {
			t.Errorf("got %v", err)
		}

		t.Logf("%v", err)
	}

	t.Run("state", func(t *testing.T) {
		disk := small(t)
		e := open(t, engine.Options{StateDir: filepath.Join(disk, "state")})
		dir := t.TempDir()

		_, err := e.Solve(t.Context(), request(t, step("big", "fill", "/out/big", "64"), engine.Export{Type: engine.OCITar, Path: filepath.Join(dir, "a.tar")}))
		check(t, err, disk)

		if got := names(t, dir); got != nil {
			t.Errorf("left in the directory: %v", got)
		}

		// The engine is still good for something smaller.
		solve(t, e, request(t, step("small", "write", "/out/small", "1")))
	})

	for _, form := range []engine.ExportType{engine.OCITar, engine.OCILayout, engine.LocalDir} {
		t.Run(string(form), func(t *testing.T) {
			disk := small(t)
			e := open(t, engine.Options{})

			_, err := e.Solve(t.Context(), request(t, step("big", "fill", "/out/big", "32"), engine.Export{Type: form, Path: filepath.Join(disk, "out")}))
			check(t, err, disk)

			if got := names(t, disk); got != nil {
				t.Errorf("left on the disk: %v", got)
			}
		})
	}
}

func TestUnusableBuilder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	address := listener.Addr().String()
	listener.Close()

	for _, builder := range []string{
		"tcp://" + address,
		"unix:///nonexistent/buildkitd.sock",
		"http://example.test",
		"no-scheme",
	} {
		start := time.Now()

		var bad *engine.BuilderError
		if _, err := engine.Open(t.Context(), engine.Options{Builder: builder, StateDir: t.TempDir()}); !errors.As(err, &bad) || bad.Address != builder {
			t.Errorf("%s: got %v", builder, err)
		} else {
			t.Logf("%v (%v)", err, time.Since(start).Round(time.Millisecond))
		}
	}
}

func TestMissingRuntime(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("without root the missing privilege is found first")
	}

	var host *engine.HostError
	if _, err := engine.Open(t.Context(), engine.Options{StateDir: t.TempDir(), Runc: "no-such-runc"}); !errors.As(err, &host) {
		t.Errorf("got %v", err)
	} else {
		t.Log(err)
	}
}

// leftOver is what a build can leave on the host.
type leftOver struct{ containers, mounts, bundles []string }

func left(t *testing.T, state string) leftOver {
	t.Helper()

	var found leftOver

	containers, _ := filepath.Glob("/run/runc/*/state.json")
	for _, path := range containers {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), state) {
			found.containers = append(found.containers, path)
		}
	}

	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}

	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, state+"/") {
			found.mounts = append(found.mounts, line)
		}
	}

	found.bundles, err = filepath.Glob(filepath.Join(state, "runc-*/executor/*/rootfs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}

	return found
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()

	for range 600 {
		if ok() {
			return
		}

		time.Sleep(50 * time.Millisecond)
	}

	t.Errorf("%s did not appear", what)
}
