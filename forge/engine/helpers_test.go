package engine_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/engine"
)

// epoch is the time stamp of all test images.
var epoch = time.Unix(1700000000, 0)

// toolsDir holds the helper program; it is built once.
var toolsDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "akmon-engine-test-")
	if err != nil {
		return "", err
	}

	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "helper"), "./testdata/helper")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr

	return dir, cmd.Run()
})

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()

		return
	}

	// Before any engine is open: an engine takes TMPDIR over.
	dir, err := toolsDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the test helper:", err)
		os.Exit(1)
	}

	code := m.Run()

	os.RemoveAll(dir)

	os.Exit(code)
}

// needHost skips a test that executes steps where that can't be done.
func needHost(t testing.TB) {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Skip("executing steps needs root")
	}

	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("executing steps needs runc")
	}
}

func tools(t testing.TB) fsutil.FS {
	t.Helper()

	dir, err := toolsDir()
	if err != nil {
		t.Fatal(err)
	}

	tree, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}

	return tree
}

func open(t testing.TB, o engine.Options) *engine.Engine {
	t.Helper()
	needHost(t)

	if o.StateDir == "" {
		o.StateDir = filepath.Join(t.TempDir(), "state")
	}

	e, err := engine.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})

	return e
}

// base is a file system with nothing but the helper.
func base() llb.State {
	return llb.Scratch().File(
		llb.Copy(llb.Local("tools", llb.IncludePatterns([]string{"helper"})), "/helper", "/helper"),
		llb.WithCustomName("[base] copy helper"),
	)
}

// step runs the helper without network in the base and returns what it writes
// below /out.
func step(pkg string, args ...string) llb.State {
	return stepWith(pkg, llb.NetModeNone, args...)
}

func stepWith(pkg string, net pb.NetMode, args ...string) llb.State {
	return base().Network(net).Run(run(args...), llb.WithCustomName("["+pkg+"] run: "+strings.Join(args, " "))).
		AddMount("/out", llb.Scratch())
}

func run(args ...string) llb.RunOption {
	return llb.Args(append([]string{"/helper"}, args...))
}

// both puts the files of several states together.
func both(states ...llb.State) llb.State {
	return llb.Merge(states, llb.WithCustomName("[all] merge"))
}

func marshal(t testing.TB, s llb.State) *llb.Definition {
	t.Helper()

	def, err := s.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}

	return def
}

// request solves one state, without exports.
func request(t testing.TB, s llb.State, exports ...engine.Export) engine.Request {
	t.Helper()

	return engine.Request{
		Images:    []engine.Image{{Definition: marshal(t, s)}},
		LocalDirs: map[string]fsutil.FS{"tools": tools(t)},
		Exports:   exports,
		Epoch:     &epoch,
	}
}

func solve(t testing.TB, e *engine.Engine, r engine.Request) *engine.Result {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	result, err := e.Solve(ctx, r)
	if err != nil {
		t.Fatal(err)
	}

	return result
}
