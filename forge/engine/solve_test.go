package engine_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client/llb"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
)

func TestSecondSolveDoesNothing(t *testing.T) {
	e := open(t, engine.Options{})
	out := filepath.Join(t.TempDir(), "out")
	state := both(step("a", "write", "/out/a", "A"), step("b", "write", "/out/b", "B"))
	r := request(t, state, engine.Export{Type: engine.LocalDir, Path: out})

	first := solve(t, e, r)
	// The copy of the helper, two commands, and the merge of their outputs.
	if first.Executed != 4 || first.Cached != 0 {
		t.Errorf("first solve: executed %d, cached %d; want 4, 0", first.Executed, first.Cached)
	}

	for name, want := range map[string]string{"a": "A", "b": "B"} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}

	second := solve(t, e, r)
	if second.Executed != 0 || second.Cached == 0 {
		t.Errorf("second solve: executed %d, cached %d; want 0 and some", second.Executed, second.Cached)
	}

	t.Logf("first %v, second %v", first.Elapsed, second.Elapsed)
}

func TestProgressOfSolve(t *testing.T) {
	e := open(t, engine.Options{})

	var out bytes.Buffer

	r := request(t, step("a", "fail", "2", "0"))
	r.Progress = progress.NewEvents(&out)
	result := solve(t, e, r)

	seen := map[progress.EventType]int{}

	for line := range bytes.Lines(out.Bytes()) {
		var event progress.Event
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("%s: %v", line, err)
		}

		if event.Package == "a" {
			seen[event.Type]++
		}
	}

	if seen[progress.EventStarted] != 1 || seen[progress.EventCompleted] != 1 || seen[progress.EventOutput] == 0 {
		t.Errorf("events of the step: %v", seen)
	}

	for _, s := range result.Steps {
		if s.Package == "a" && s.Duration() <= 0 {
			t.Errorf("no time was taken: %+v", s)
		}
	}
}

func TestStepsRunSideBySide(t *testing.T) {
	e := open(t, engine.Options{})
	// Each step ends well only while the other runs.
	state := both(
		stepWith("a", llb.NetModeHost, "meet", "127.0.0.1:47811", "127.0.0.1:47812"),
		stepWith("b", llb.NetModeHost, "meet", "127.0.0.1:47812", "127.0.0.1:47811"),
	)

	solve(t, e, request(t, state))
}

func TestStepsHaveNoNetwork(t *testing.T) {
	e := open(t, engine.Options{})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	address := listener.Addr().String()

	if _, err := e.Solve(t.Context(), request(t, step("a", "dial", address))); err == nil {
		t.Error("a step without network reached the host")
	}

	solve(t, e, request(t, stepWith("b", llb.NetModeHost, "dial", address)))
}
