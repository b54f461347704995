package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
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

	if got := left(t, state); len(got.containers) == 0 || len(got.mounts) == 0 || len(got.cgroups) == 0 {
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

// TestKilledAnywhere kills builds on one state at ever later moments, from the
// start of the engine to the export, and then builds to the end.
func TestKilledAnywhere(t *testing.T) {
	needHost(t)

	kills := 12
	if testing.Short() {
		kills = 3
	}

	state, dir := filepath.Join(t.TempDir(), "state"), t.TempDir()
	out := filepath.Join(dir, "out")
	helper, _ := toolsDir()

	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+state, childTools+"="+helper, childOut+"="+out, childQuick+"=1")
		cmd.Stderr = os.Stderr

		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}

		time.Sleep(time.Duration(i+1) * 70 * time.Millisecond)

		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}

		_ = cmd.Wait()
	}

	e := open(t, engine.Options{StateDir: state, Log: func(m string) { t.Log(m) }})
	result := solve(t, e, request(t, quick(), engine.Export{Type: engine.OCILayout, Path: out}))

	fresh := open(t, engine.Options{})
	if want := solve(t, fresh, request(t, quick(), engine.Export{Type: engine.OCILayout, Path: filepath.Join(t.TempDir(), "out")})); want.Digest != result.Digest {
		t.Errorf("after the kills %s, from an empty state %s", result.Digest, want.Digest)
	}

	if err := e.Close(); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff(leftOver{}, left(t, state), cmp.AllowUnexported(leftOver{})); diff != "" {
		t.Errorf("after Close (-want +got):\n%s", diff)
	}

	if diff := cmp.Diff([]string{"out"}, names(t, dir)); diff != "" {
		t.Errorf("left in the directory (-want +got):\n%s", diff)
	}
}

func TestWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}

	// The test binary is where other users can't go.
	dir := t.TempDir()
	program := filepath.Join(dir, "test")

	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(os.WriteFile(program, data, 0o755), os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), childEnv+"="+filepath.Join(dir, "state"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}

	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "steps run in containers, and that needs root; run as root, or name another builder with --builder") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestDiskFull(t *testing.T) {
	needHost(t)

	small := func(t *testing.T) string {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
			t.Skipf("mounting a tmpfs: %v", err)
		}

		t.Cleanup(func() {
			// The blob store's library leaves one descriptor to the collector.
			for range 100 {
				runtime.GC()

				if err := unix.Unmount(dir, 0); err == nil {
					return
				}

				time.Sleep(10 * time.Millisecond)
			}

			t.Error("the disk is still in use after Close")
		})

		return dir
	}

	check := func(t *testing.T, err error, path string) {
		t.Helper()

		var full *engine.DiskFullError
		if !errors.As(err, &full) || !strings.HasPrefix(full.Path, path) {
			t.Errorf("got %v", err)
		}

		t.Logf("%v: %v", err, full.Err)
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
type leftOver struct{ containers, mounts, bundles, cgroups []string }

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

	// Patterns that are right give no error.
	found.bundles, _ = filepath.Glob(filepath.Join(state, "runc-*/executor/*/rootfs"))

	// A hierarchy of cgroups v1 is one level down, that of v2 is not.
	group := engine.CgroupForTest(state)
	v1, _ := filepath.Glob("/sys/fs/cgroup/*" + group)
	v2, _ := filepath.Glob("/sys/fs/cgroup" + group)
	found.cgroups = append(v1, v2...)

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
