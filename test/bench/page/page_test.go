package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/test/bench/page"
	"github.com/akmon-os/akmon/test/bench/result"

	"github.com/akmon-os/akmon/internal/golden"
)

func full() *result.All {
	taken := result.Taken{
		At: "2026-01-02T03:04:05Z", Revision: "0123456789ab+changes",
		Host: result.Host{CPU: "Some CPU", Cores: 2, Virtual: true, Memory: 24 << 30, Kernel: "Linux 6.1.0", Load: 0.25},
	}
	bare := taken
	bare.Revision, bare.Host.Virtual, bare.Host.Load = "", false, 0

	return &result.All{
		NoOp: &result.NoOp{
			Taken: taken, Profile: "vm", Steps: 42, Process: result.Samples{3, 2.5, 12.25}, Inside: result.Samples{2.75, 2.25, 12},
			Again: result.Samples{2.5, 2, 2.25}, Engine: result.Samples{0.25, 0.5, 0.0625},
		},
		Compiler: &result.Compiler{
			Taken: taken,
			Trees: []result.Tree{
				{Size: 100, Runs: []result.Compilation{compilation(102, 0.01), compilation(102, 0.02)}},
				{Size: 10_000, Runs: []result.Compilation{compilation(10_002, 1.5)}},
			},
			Graph: &result.Graph{Recipes: 82, Wall: result.Samples{0.02, 0.04}, CPU: result.Samples{0.0625}, Peak: 30 << 20},
		},
		ISO: &result.ISO{
			Taken: bare, Bytes: 40 << 20, FileSystem: "ext4",
			Modes: []result.Mode{
				{Cache: result.ColdInput, Render: result.Samples{0.15, 0.25}, Copy: result.Samples{0.1}, Peak: []int64{50 << 20, 40 << 20}},
				{Cache: result.ColdAll, Render: result.Samples{0.5}, Copy: result.Samples{0.125}, Peak: []int64{101 << 20}},
				{Cache: result.WarmInput, Render: result.Samples{0.05}, Copy: result.Samples{0.05}, Peak: []int64{50 << 20}},
			},
		},
		Machine: &result.Machine{
			Taken: taken, VM: result.VM{QEMU: "7.2", Accel: "tcg,thread=multi", CPUs: 2, MiB: 1024, Kernel: "6.12.94-akmon", Args: "a=b|c console=ttyS0"},
			Kernel: 7 << 20, Initramfs: 20 << 20, Squashfs: 19 << 20, PlainInitramfs: 1 << 20,
			Boots: []result.Boot{{Init: 1.5, Machined: 2, Listening: 3, Answering: 3.25}, {Init: 1.75, Machined: 2.5, Listening: 4, Answering: 4.75}},
			Plain: result.Samples{1.5, 2},
			Memory: []result.Process{
				{Name: "machined", RSS: 50 << 20, Anon: 20 << 20, Peak: 60 << 20}, {Name: "apid", RSS: 30 << 20, Anon: 10 << 20, Peak: 31 << 20},
				{Name: "machined", RSS: 52 << 20, Anon: 22 << 20, Peak: 62 << 20}, {Name: "apid", RSS: 32 << 20, Anon: 12 << 20, Peak: 33 << 20},
			},
		},
		Cold: result.Colds{
			"vm": {Taken: bare, Build: result.Build{Seconds: 1234.5, Executed: 30, Packages: []result.Package{
				{Name: "base", Steps: 2, Seconds: 0.01}, {Name: "kernel", Steps: 3, Seconds: 960}, {Name: "init", Steps: 2, Seconds: 0.01}, {Name: "go", Steps: 1, Seconds: 20},
			}}},
			"metal": {Taken: taken, Build: result.Build{Seconds: 11, Executed: 1, Cached: 2}},
		},
	}
}

func compilation(packages int, seconds float64) result.Compilation {
	return result.Compilation{
		Packages: packages, Operations: 12 * packages, Peak: int64(packages) << 15,
		Load: result.Times{Wall: seconds, CPU: 2 * seconds}, Resolve: result.Times{Wall: seconds / 4, CPU: seconds / 4}, Lower: result.Times{Wall: seconds, CPU: 2 * seconds},
	}
}

func TestRender(t *testing.T) {
	for name, all := range map[string]*result.All{
		"empty.md":   {},
		"full.md":    full(),
		"partial.md": {NoOp: &result.NoOp{Taken: full().NoOp.Taken, Profile: "vm", Process: result.Samples{4.5}}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name)
			got := page.Render(all)
			golden.Equal(t, file, got)
		})
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "page.md")

	for _, all := range []*result.All{full(), {}} {
		if err := page.Write(file, all); err != nil {
			t.Fatal(err)
		}

		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(page.Render(all), string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}

	if err := page.Write(filepath.Join(dir, "none", "page.md"), full()); err == nil {
		t.Error("a page was written into a directory that is not there")
	}

	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}
