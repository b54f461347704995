package forge_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/buildlog"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/enginetest"
	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/timings"
)

// recipe is a package with one instruction, which begins in line 7.
func recipe(name, needs, script string) string {
	return "name: " + name + "\n" +
		"dependencies: [{stage: shell}" + needs + "]\n" +
		"steps:\n" +
		"  - env: {PLACE: here}\n" +
		"    install:\n" +
		"      - |\n" +
		"        mkdir /rootfs\n        " + strings.ReplaceAll(script, "\n", "\n        ") + "\n" +
		"finalize:\n  - from: /rootfs\n    to: /\n"
}

func newTree(t *testing.T, files map[string]string) forge.Options {
	t.Helper()

	dir := t.TempDir()
	files["pkg.yaml"] = "format: v1alpha2\n"
	enginetest.Tree(t, dir, files)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))

	return forge.Options{Dir: dir, Log: t.Output(), Progress: progress.Plain}
}

// TestKeepGoing builds what does not need what fails.
func TestKeepGoing(t *testing.T) {
	enginetest.NoRace(t)

	o := newTree(t, map[string]string{
		"a/pkg.yaml":      recipe("a", "", "echo a >/rootfs/a"),
		"bad/pkg.yaml":    recipe("bad", "", "echo about to fail\nfalse"),
		"worse/pkg.yaml":  recipe("worse", ", {stage: a}", "echo $PLACE is no good >&2\nexit 3"),
		"needs/pkg.yaml":  recipe("needs", ", {stage: bad, to: /in}, {stage: a, to: /in}", "cp /in/a /rootfs/needs"),
		"fine/pkg.yaml":   recipe("fine", ", {stage: a, to: /in}", "cp /in/a /rootfs/fine"),
		"target/pkg.yaml": recipe("target", ", {stage: needs}, {stage: worse}, {stage: fine}, {stage: left}, {stage: right}", "echo never"),
		// Two outputs of one recipe fail in one step.
		"split/pkg.yaml": strings.Replace(recipe("split", "", "exit 4"), "finalize:\n  - from: /rootfs\n    to: /\n",
			"outputs:\n  - {name: left, finalize: [{from: /rootfs}]}\n  - {name: right, finalize: [{from: /rootfs}]}\n", 1),
	})
	out := t.TempDir()
	o.Targets = []string{"target", "fine"}
	o.Outputs = []forge.Output{{Type: engine.LocalDir, Dest: out}}
	o.KeepGoing = true
	o.Timings = []string{filepath.Join(t.TempDir(), "timings.json")}

	result, err := forge.Build(t.Context(), o)

	var failures *forge.FailuresError
	if !errors.As(err, &failures) {
		t.Fatalf("got %v", err)
	}

	if len(failures.Failures) != 3 {
		t.Errorf("%d failures: %v", len(failures.Failures), err)
	}

	slices.Sort(failures.Skipped)

	if d := cmp.Diff([]string{"needs", "target"}, failures.Skipped); d != "" {
		t.Errorf("skipped (-want +got):\n%s", d)
	}

	text := err.Error()
	for _, want := range []string{
		// The line of the recipe, and what was printed.
		"bad/pkg.yaml:7:9: [bad] install 1/1: mkdir /rootfs: exit code 1\n    7 |         mkdir /rootfs\n      |         ^\n    about to fail",
		"worse/pkg.yaml:7:9: [worse] install 1/1: mkdir /rootfs: exit code 3\n",
		"\n    here is no good",
		"3 packages failed, not built because of that: needs, target",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	if result == nil || len(result.Targets) != 1 || result.Targets[0].Name != "fine" || result.Executed == 0 {
		t.Errorf("the result is %+v", result)
	}

	if data, err := os.ReadFile(filepath.Join(out, "fine", "fine")); err != nil || string(data) != "a\n" {
		t.Errorf("fine has %q, %v", data, err)
	}

	if _, err := os.Stat(filepath.Join(out, "target")); err == nil {
		t.Error("there is an output of a target that failed")
	}

	// The log of the target has what its parts printed.
	log, err := forge.Log(o.Dir, "target")
	if err != nil {
		t.Fatal(err)
	}

	var shown bytes.Buffer
	if err := log.WriteText(&shown); err != nil {
		t.Fatal(err)
	}

	for _, want := range []string{"\n[bad] install 1/1: mkdir /rootfs (failed)\n  about to fail\n", "  here is no good\n", "[a] install 1/1", "3 packages failed"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%q is not in the log\n%s", want, shown.String())
		}
	}

	// And the timings are there, though it failed.
	report := readTimings(t, o.Timings[0])
	if report.Error == "" || report.Executed == 0 || len(report.Critical) == 0 {
		t.Errorf("timings: %+v", report)
	}

	// What can be built is all built.
	if err := os.WriteFile(filepath.Join(o.Dir, "bad", "pkg.yaml"), []byte(recipe("bad", "", "true")), 0o644); err != nil {
		t.Fatal(err)
	}

	o.Targets = []string{"needs"}

	if result, err = forge.Build(t.Context(), o); err != nil || len(result.Targets) != 1 {
		t.Errorf("got %+v, %v", result, err)
	}

	if result, err = forge.Build(t.Context(), o); err != nil || result.Executed != 0 {
		t.Errorf("a second build that keeps going: %+v, %v", result, err)
	}
}

func readTimings(t *testing.T, path string) timings.Report {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	var report timings.Report
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}

	return report
}

// TestLogAndTimings follows a chain of packages.
func TestLogAndTimings(t *testing.T) {
	o := newTree(t, map[string]string{
		"one/pkg.yaml":   recipe("one", "", "sleep 0.4\necho one\necho 1 >/rootfs/one"),
		"side/pkg.yaml":  recipe("side", "", "echo side >/rootfs/side"),
		"two/pkg.yaml":   recipe("two", ", {stage: one}, {stage: side}", "sleep 0.4\necho two; seq 300000"),
		"three/pkg.yaml": recipe("three", ", {stage: two}", "true"),
	})
	dir := t.TempDir()
	o.Targets = []string{"two"}
	o.Timings = []string{filepath.Join(dir, "t.html"), filepath.Join(dir, "t.json")}

	result, err := forge.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	report := readTimings(t, o.Timings[1])

	var chain []string
	for _, i := range report.Critical {
		if s := report.Steps[i]; strings.Contains(s.Name, "install") {
			chain = append(chain, s.Package)
		}
	}

	if d := cmp.Diff([]string{"one", "two"}, chain); d != "" {
		t.Errorf("the critical path (-want +got):\n%s", d)
	}

	if report.CriticalSeconds < 0.8 || report.CriticalSeconds > report.Seconds || report.Executed < result.Executed || report.Cached != 0 {
		t.Errorf("timings: %+v", report)
	}

	if page, err := os.ReadFile(o.Timings[0]); err != nil || !bytes.Contains(page, []byte("<h1>Build of two</h1>")) {
		t.Errorf("the page: %v", err)
	}

	o.Timings = o.Timings[1:]

	for range 2 {
		// The second time there is nothing to do, and the log stays.
		log, err := forge.Log(o.Dir, "two")
		if err != nil {
			t.Fatal(err)
		}

		output := ""

		for _, s := range log.Steps {
			if s.Package == "two" {
				output += s.Output
			}
		}

		for _, want := range []string{"two\n1\n2\n3\n", "\n300000\n", " bytes left out]\n"} {
			if !strings.Contains(output, want) {
				t.Errorf("%q is not in the log of %d bytes", want, len(output))
			}
		}

		if len(output) > buildlog.HeadBytes+buildlog.TailBytes+1000 || log.Error != "" || log.Finished == nil {
			t.Errorf("the log has %d bytes, error %q", len(output), log.Error)
		}

		if _, err := forge.Build(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}

	if report := readTimings(t, o.Timings[0]); report.Cached == 0 || report.CriticalSeconds > report.Seconds {
		t.Errorf("timings of a build with nothing to do: %+v", report)
	}

	// A package that was never a target.
	log, err := forge.Log(o.Dir, "one")
	if err != nil || log.Target != "two" || len(log.Steps) == 0 || log.Steps[0].Package != "one" {
		t.Errorf("the log of a part: %+v, %v", log, err)
	}

	if _, err := forge.Log(o.Dir, "tow"); !errors.Is(err, buildlog.ErrNone) || !strings.Contains(err.Error(), `did you mean "two"?`) {
		t.Errorf("got %v", err)
	}
}
