package timings_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/timings"
	"github.com/akmon-os/akmon/internal/golden"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// step ran from one second of the build to another; from -1: it is cached.
func step(digest, name string, from, to float64, inputs ...string) progress.Step {
	s := progress.Step{Digest: digest, Name: name, Package: progress.PackageOf(name), Inputs: inputs}

	if from < 0 {
		s.Cached = true

		return s
	}

	began := start.Add(time.Duration(from * float64(time.Second)))
	s.Started = &began

	if to >= 0 {
		ended := start.Add(time.Duration(to * float64(time.Second)))
		s.Completed = &ended
	}

	return s
}

func report(failure error, seconds float64, steps ...progress.Step) *timings.Report {
	return timings.New(steps, []string{"installer"}, start, start.Add(time.Duration(seconds*float64(time.Second))), failure)
}

// example is a build such as the tree's own.
func example() *timings.Report {
	input := step("tree", "[base] package directory rootfs/base", 0, 0.2)
	input.Input = true

	failed := step("fail", "[machined] test 1/1: machined <version> & \"more\"", 70, 71.5, "go")
	failed.Error = "exit code: 1"

	return report(errors.New("rootfs/machined/pkg.yaml:12:9: [machined] test 1/1: exit code 1"), 96,
		input,
		step("cc", "[toolchain] dependencies", -1, -1),
		step("musl", "[musl] build 1/2: ./configure", 1, 9, "cc"),
		step("musl2", "[musl] build 2/2: make -j \"$(nproc)\"", 9, 40, "musl"),
		step("rt", "[compiler-rt] build 1/1: make", 40, 60.5, "musl2"),
		step("go", "[machined] build 1/1: go build", 2, 70, "cc"),
		step("root", "[rootfs] build 1/1: mksquashfs", 71, 90, "go", "rt", "tree"),
		failed,
		step("export", "exporting to oci image format", 90, 95, "root"),
		step("quick", "[rootfs] finalize", 90, 90.001, "root"),
		// The same step as another target saw it: it waited.
		step("musl", "[musl] build 1/2: ./configure", 2, 9, "cc"),
		progress.Step{Digest: "never", Name: "[rootfs] test 1/1: never begun", Package: "rootfs"},
	)
}

func TestReport(t *testing.T) {
	r := example()

	var chain []string
	for _, i := range r.Critical {
		chain = append(chain, r.Steps[i].Name)
	}

	want := []string{"[machined] build 1/1: go build", "[rootfs] build 1/1: mksquashfs", "exporting to oci image format"}
	if d := cmp.Diff(want, chain); d != "" {
		t.Errorf("critical path (-want +got):\n%s", d)
	}

	if r.CriticalSeconds != 68+19+5 || r.Executed != 7 || r.Cached != 1 || r.Seconds != 96 {
		t.Errorf("critical %v, executed %d, cached %d, seconds %v", r.CriticalSeconds, r.Executed, r.Cached, r.Seconds)
	}

	var text bytes.Buffer
	if err := r.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}

	golden.Equal(t, filepath.Join("testdata", "example.json"), text.String())

	var again timings.Report
	if err := json.Unmarshal(text.Bytes(), &again); err != nil {
		t.Fatal(err)
	}

	if d := cmp.Diff(*r, again); d != "" {
		t.Errorf("read again (-want +got):\n%s", d)
	}
}

func TestPage(t *testing.T) {
	for name, r := range map[string]*timings.Report{
		"example": example(),
		"nothing": report(nil, 0.31, step("a", "[a] build", -1, -1), step("b", "[b] build", -1, -1, "a")),
	} {
		var page bytes.Buffer
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}

		golden.Equal(t, filepath.Join("testdata", name+".html"), page.String())

		// Nothing comes from elsewhere, and what steps are called is no markup.
		for _, bad := range []string{"http:", "https:", "src=", "<script", "@import", "url(", "<version>", "ZgotmplZ"} {
			if strings.Contains(page.String(), bad) {
				t.Errorf("%s: %q is in the page", name, bad)
			}
		}
	}
}

// TestCycle shows that nonsense does no harm.
func TestCycle(t *testing.T) {
	r := report(nil, 10, step("a", "[a] one", 0, 1, "b"), step("b", "[a] two", 1, 2, "a"), step("c", "[a] backwards", 5, 4, "c"))
	if r.CriticalSeconds <= 0 || len(r.Critical) == 0 {
		t.Errorf("got %+v", r)
	}

	if err := r.WriteHTML(&bytes.Buffer{}); err != nil {
		t.Error(err)
	}
}

// TestLarge is a page of a tree of a thousand packages.
func TestLarge(t *testing.T) {
	var steps []progress.Step

	for i := range 1000 {
		for j := range 5 {
			id := fmt.Sprintf("%d-%d", i, j)
			steps = append(steps, step(id, fmt.Sprintf("[package-%d] build %d/5: make", i, j+1), float64(i), float64(i)+0.2*float64(j), fmt.Sprintf("%d-%d", i-1, j)))
		}
	}

	var page bytes.Buffer
	if err := report(nil, 1001, steps...).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}

	if page.Len() > 4<<20 {
		t.Errorf("the page has %d bytes", page.Len())
	}
}
