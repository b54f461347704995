package result

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSamples(t *testing.T) {
	for _, tc := range []struct {
		in                      Samples
		median, least, greatest float64
	}{
		{nil, 0, 0, 0},
		{Samples{3}, 3, 3, 3},
		{Samples{5, 1, 3}, 3, 1, 5},
		{Samples{4, 1, 3, 2}, 2.5, 1, 4},
	} {
		least, greatest := tc.in.Range()
		if got := []float64{tc.in.Median(), least, greatest}; !cmp.Equal(got, []float64{tc.median, tc.least, tc.greatest}) {
			t.Errorf("%v: median and range %v", tc.in, got)
		}
	}

	if got := (Samples{6}).Ratio(Samples{2, 4}); got != 2 {
		t.Errorf("ratio %v", got)
	}

	if got := (Samples{6}).Ratio(nil); got != 0 {
		t.Errorf("ratio to nothing %v", got)
	}
}

func TestTree(t *testing.T) {
	tree := Tree{Runs: []Compilation{
		{Packages: 4, Load: Times{1, 2}, Resolve: Times{3, 4}, Lower: Times{5, 6}, Peak: 8}, {Packages: 4, Load: Times{1, 4}, Peak: 9},
	}}
	got := []any{tree.Wall(), tree.CPU(), tree.PerPackage(), tree.Peak()}

	if diff := cmp.Diff([]any{Samples{9, 1}, Samples{12, 4}, 2.0, int64(9)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if (&Tree{}).PerPackage() != 0 || (&Tree{}).Peak() != 0 {
		t.Error("a tree without runs")
	}
}

func TestWarm(t *testing.T) {
	n := NoOp{Again: Samples{3, 4, 0.5}, Engine: Samples{2, 1, 1}}
	if diff := cmp.Diff(Samples{2, 3, 0}, n.Warm()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseBuild(t *testing.T) {
	good := `{"targets": [{"name": "a", "platforms": ["linux/amd64"]}], "executed": 2, "cached": 1,
		"packages": [{"name": "a", "steps": 2, "seconds": 1.5}], "seconds": 3}`

	got, err := ParseBuild([]byte(good))
	if err != nil {
		t.Fatal(err)
	}

	want := &Build{Seconds: 3, Executed: 2, Cached: 1, Packages: []Package{{Name: "a", Steps: 2, Seconds: 1.5}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if got.Sum() != 1.5 {
		t.Errorf("sum %v", got.Sum())
	}

	for text, want := range map[string]string{
		"":                             "not the output",
		"{}":                           "no seconds or no steps",
		`{"seconds": -1, "cached": 1}`: "no seconds or no steps",
		`{"seconds": 1}`:               "no seconds or no steps",
		`{"seconds": "1"}`:             "not the output",
		`{"seconds": 1, "executed": 1, "packages": [{"name": "a\nb"}]}`:             "not the name",
		`{"seconds": 1, "executed": 1, "packages": [{"name": "a", "seconds": -1}]}`: "negative",
	} {
		if _, err := ParseBuild([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseBuild(%s): %v, want %q", text, err, want)
		}
	}
}

func FuzzParseBuild(f *testing.F) {
	f.Add([]byte(`{"executed": 2, "cached": 1, "packages": [{"name": "a", "steps": 2, "seconds": 1.5}], "seconds": 3}`))
	f.Add([]byte(`{"executed": 1, "seconds": 1e308, "packages": [{"name": "a", "seconds": 1e308}, {"name": "b", "seconds": 1e308}]}`))
	f.Add([]byte(`{"executed": 9223372036854775807, "cached": 1, "seconds": 1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBuild(data)
		if err == nil && (b.Seconds <= 0 || b.Sum() < 0) {
			t.Fatalf("%+v", b)
		}
	})
}

func TestHost(t *testing.T) {
	model, virtual := parseCPU([]byte("processor\t: 0\nmodel name\t: A  CPU\nflags\t\t: fpu hypervisor lahf_lm\n\nmodel name : B\n"))
	if model != "A CPU" || !virtual {
		t.Errorf("%q, %t", model, virtual)
	}

	if model, virtual = parseCPU([]byte("Features: fp asimd\nflags: nohypervisor\n")); model != "" || virtual {
		t.Errorf("%q, %t", model, virtual)
	}

	status := []byte("Name:\tinit\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\nThreads:\t9\nBad:\t-1 kB\nHuge:\t9223372036854775807 kB\n")
	for key, want := range map[string]int64{"VmHWM": 2 << 20, "VmRSS": 1 << 20, "Threads": 0, "Name": 0, "Bad": 0, "Huge": 0, "None": 0, "Vm": 0} {
		if got := Field(status, key); got != want {
			t.Errorf("Field %s: %d, want %d", key, got, want)
		}
	}

	if h := ThisHost(); h.Cores < 1 || h.CPU == "" {
		t.Errorf("this host: %+v", h)
	}
}

func FuzzField(f *testing.F) {
	for _, seed := range []string{"VmRSS:\t1024 kB\n", "VmRSS:", "VmRSS: x kB", "VmRSS: 1 2 kB", "VmRSS: 9007199254740991 kB"} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		if n := Field(data, "VmRSS"); n < 0 {
			t.Fatalf("%d", n)
		}

		parseCPU(data)
	})
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "raw")

	empty, err := Load(dir)
	if err != nil || empty.NoOp != nil || empty.Compiler != nil || empty.ISO != nil || empty.Machine != nil || empty.Cold != nil {
		t.Fatalf("without a directory: %+v, %v", empty, err)
	}

	want := &All{
		NoOp: &NoOp{Taken: Taken{At: "2026-01-02T03:04:05Z"}, Steps: 3, Process: Samples{1, 2}},
		ISO:  &ISO{Bytes: 5, Modes: []Mode{{Cache: ColdAll, Render: Samples{1}, Copy: Samples{2}, Peak: []int64{3}}}},
		Compiler: &Compiler{
			Trees: []Tree{{Size: 1, Runs: []Compilation{{Packages: 3, Load: Times{1, 2}, Peak: 5}}}},
			Graph: &Graph{Recipes: 2, Wall: Samples{1}, CPU: Samples{2}, Peak: 3},
		},
		Machine: &Machine{Boots: []Boot{{Init: 1}}, Memory: []Process{{Name: "x", RSS: 1}}},
		Cold:    Colds{"vm": {Build: Build{Seconds: 1, Executed: 1}}},
	}

	for _, part := range []any{want.NoOp, want.Compiler, want.ISO, want.Machine, want.Cold} {
		if err := Save(dir, part); err != nil {
			t.Fatal(err)
		}
	}

	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if err := Save(dir, 1); err == nil {
		t.Error("an int was saved")
	}

	file := filepath.Join(dir, "noop.json")
	if err := os.WriteFile(file, []byte(`{"stepps": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}

	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "stepps") || !strings.Contains(err.Error(), file) {
		t.Errorf("unknown key: %v", err)
	}
}
