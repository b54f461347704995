package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/akmon-os/akmon/forge/engine"
)

// BenchmarkStart is the time from an empty state directory to the first solved
// step.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		e := open(b, engine.Options{StateDir: filepath.Join(b.TempDir(), "state")})
		solve(b, e, request(b, step("a", "write", "/out/a", "A")))

		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNothingToDo is a build in which everything is cached, of an image
// of 100 MiB, engine start included.
func BenchmarkNothingToDo(b *testing.B) {
	state, out := filepath.Join(b.TempDir(), "state"), filepath.Join(b.TempDir(), "out")

	for b.Loop() {
		e := open(b, engine.Options{StateDir: state})
		result := solve(b, e, request(b, step("a", "fill", "/out/a", "100"), engine.Export{Type: engine.OCILayout, Path: out}))
		b.ReportMetric(float64(result.Executed), "executed")
		b.ReportMetric(result.Elapsed.Seconds(), "solve-s")

		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
