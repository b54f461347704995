package engine_test

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/forge/engine"
)

// TestEnterRemote enters a failed step at a builder over a socket.
func TestEnterRemote(t *testing.T) {
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

	var (
		out    bytes.Buffer
		told   []string
		failed error
	)

	err = remote.Enter(t.Context(), request(t, step("bad", "fail", "3", "9")), engine.Shell{
		Args: []string{"/helper", "fail", "2", "4"}, Stdout: &out, Stderr: &out,
		Ready: func(step string, moment engine.Moment, failure error) {
			told, failed = append(told, step, string(moment)), failure
		},
	})

	var exit *engine.ExitError
	if !errors.As(err, &exit) || exit.Code != 4 {
		t.Errorf("got %v", err)
	}

	if out.String() != "line 1\nline 2\n" {
		t.Errorf("printed %q", out.String())
	}

	if len(told) != 2 || told[0] != "[bad] run: fail 3 9" || told[1] != string(engine.AtFailure) || failed == nil {
		t.Errorf("told %q, %v", told, failed)
	}
}

// TestConditionsOfRemote shows that conditions that would have no effect are
// refused.
func TestConditionsOfRemote(t *testing.T) {
	_, err := engine.Open(t.Context(), engine.Options{Builder: "unix:///nowhere", Conditions: engine.Conditions{Hostname: "x"}})
	if err == nil || err.Error() != "the conditions of steps can't be set at unix:///nowhere" {
		t.Errorf("got %v", err)
	}
}
