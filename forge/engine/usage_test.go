package engine_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"

	"github.com/akmon-os/akmon/forge/engine"
)

func TestStatusAndGC(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	e := open(t, engine.Options{StateDir: state})
	r := request(t, step("a", "fill", "/out/a", "5"))
	solve(t, e, r)

	// The solver lets go of its results a moment after it answered.
	var (
		before *engine.Usage
		err    error
	)

	waitFor(t, "the end of all use", func() bool {
		before, err = e.Status(t.Context())

		return err != nil || before.Reclaimable == before.Bytes
	})

	if err != nil {
		t.Fatal(err)
	}

	if before.Bytes < 5<<20 || before.Reclaimable != before.Bytes || before.Records[0].Bytes < 5<<20 || before.Free == 0 {
		t.Errorf("before: %+v", before)
	}

	freed, err := e.GC(t.Context(), engine.GCOptions{})
	if err != nil || freed.Bytes < 5<<20 {
		t.Errorf("freed %+v, %v", freed, err)
	}

	if after, err := e.Status(t.Context()); err != nil || len(after.Records) != 0 {
		t.Errorf("after: %+v, %v", after, err)
	}

	if got := solve(t, e, r); got.Executed != 2 {
		t.Errorf("executed %d after GC, want 2", got.Executed)
	}
}

func TestFailedStepLeavesNoData(t *testing.T) {
	e := open(t, engine.Options{})
	good := base().Network(llb.NetModeNone).Run(run("fill", "/out/a", "20")).AddMount("/out", llb.Scratch())
	bad := base().Network(llb.NetModeNone).Run(run("fail", "1", "1")).AddMount("/out", good)

	if _, err := e.Solve(t.Context(), request(t, bad)); err == nil {
		t.Fatal("the step did not fail")
	}

	usage, err := e.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	// The sources, the copied helper, the good step: but nothing of the bad.
	for _, r := range usage.Records {
		if strings.Contains(r.Description, "/helper fail") {
			t.Errorf("left in the cache: %+v", r)
		}
	}

	if got := solve(t, e, request(t, good)); got.Executed != 0 {
		t.Errorf("the good step ran again: executed %d", got.Executed)
	}
}

func TestReset(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	options := engine.Options{StateDir: state, NoWait: true}
	e := open(t, options)
	r := request(t, step("a", "write", "/out/a", "A"))
	solve(t, e, r)

	var locked *engine.LockedError
	if err := engine.Reset(t.Context(), options); !errors.As(err, &locked) {
		t.Errorf("reset while in use: %v", err)
	}

	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	if err := engine.Reset(t.Context(), options); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"engine.lock"}, names(t, state)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}

	if got := solve(t, open(t, options), r); got.Executed != 2 {
		t.Errorf("executed %d after reset, want 2", got.Executed)
	}

	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := engine.Reset(t.Context(), engine.Options{StateDir: other}); err == nil || len(names(t, other)) != 1 {
		t.Errorf("reset of a foreign directory: %v", err)
	}

	if err := engine.Reset(t.Context(), engine.Options{StateDir: filepath.Join(other, "missing")}); err != nil {
		t.Errorf("reset of nothing: %v", err)
	}
}

func TestReopenedStateIsWarm(t *testing.T) {
	state, out := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "out")
	r := request(t, step("a", "write", "/out/a", "A"), engine.Export{Type: engine.OCILayout, Path: out})

	var first *engine.Result

	for i := range 3 {
		e := open(t, engine.Options{StateDir: state})
		result := solve(t, e, r)

		if err := e.Close(); err != nil {
			t.Fatal(err)
		}

		if first == nil {
			first = result
		}

		if (i > 0 && result.Executed != 0) || result.Digest != first.Digest {
			t.Errorf("solve %d: executed %d, digest %s, first %s", i, result.Executed, result.Digest, first.Digest)
		}
	}
}

func TestUnchangedLayoutIsLeftAlone(t *testing.T) {
	e := open(t, engine.Options{})
	out := filepath.Join(t.TempDir(), "out")
	r := request(t, step("a", "write", "/out/a", "A"), engine.Export{Type: engine.OCILayout, Path: out})
	first := solve(t, e, r)

	identity := func() os.FileInfo {
		info, err := os.Stat(filepath.Join(out, "index.json"))
		if err != nil {
			t.Fatal(err)
		}

		return info
	}

	was := identity()

	if again := solve(t, e, r); again.Digest != first.Digest || !os.SameFile(was, identity()) {
		t.Errorf("an unchanged image was written again: %s, then %s", first.Digest, again.Digest)
	}

	// A blob that is not what it says it is.
	blob := filepath.Join(out, "blobs", "sha256", first.Digest[len("sha256:"):])

	data, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}

	data[len(data)-1] ^= 1

	if err := errors.Join(os.Remove(blob), os.WriteFile(blob, data, 0o600)); err != nil {
		t.Fatal(err)
	}

	if again := solve(t, e, r); again.Digest != first.Digest || os.SameFile(was, identity()) {
		t.Error("a damaged image was left alone")
	}

	// Another tag.
	was = identity()
	r.Exports[0].Names = []string{"v2"}

	if solve(t, e, r); os.SameFile(was, identity()) {
		t.Error("an image under another name was left alone")
	}
}

func TestRemoteBuilder(t *testing.T) {
	builder := open(t, engine.Options{})
	socket := filepath.Join(t.TempDir(), "buildkit.sock")

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}

	builder.ServeForTest(listener)

	remote, err := engine.Open(t.Context(), engine.Options{Builder: "unix://" + socket, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()

	if remote.Embedded() || remote.StateDir() != "" {
		t.Error("it says that it is embedded")
	}

	state := both(base(), step("a", "write", "/out/a", "A"))
	there := solve(t, remote, request(t, state, engine.Export{Type: engine.OCILayout, Path: filepath.Join(t.TempDir(), "out")}))
	here := solve(t, open(t, engine.Options{}), request(t, state, engine.Export{Type: engine.OCILayout, Path: filepath.Join(t.TempDir(), "out")}))

	if there.Digest == "" || there.Digest != here.Digest {
		t.Errorf("remote %s, embedded %s", there.Digest, here.Digest)
	}

	var failed *engine.StepError
	if _, err := remote.Solve(t.Context(), request(t, step("bad", "fail", "3", "9"))); !errors.As(err, &failed) || failed.ExitCode != 9 || len(failed.Output) != 3 {
		t.Errorf("got %v", err)
	}
}
