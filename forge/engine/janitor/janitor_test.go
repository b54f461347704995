package janitor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const table = `22 27 0:20 / /proc rw,nosuid shared:5 - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw
44 27 0:40 / /home/a\040b/state/runc/executor/x/rootfs rw - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
45 27 254:0 /var/lib /mnt rw - ext4 /dev/vda rw
30 22 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
broken line
31 22 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`

func TestParseMountInfo(t *testing.T) {
	want := []mountPoint{
		{root: "/", path: "/proc", kind: "proc", options: "rw"},
		{root: "/", path: "/", kind: "ext4", options: "rw"},
		{root: "/", path: "/home/a b/state/runc/executor/x/rootfs", kind: "overlay", options: "rw,lowerdir=/l,upperdir=/u,workdir=/w"},
		{root: "/var/lib", path: "/mnt", kind: "ext4", options: "rw"},
		{root: "/", path: "/sys/fs/cgroup/cpu", kind: "cgroup", options: "rw,cpu"},
		{root: "/", path: "/sys/fs/cgroup/unified", kind: "cgroup2", options: "rw"},
	}

	if diff := cmp.Diff(want, parseMountInfo(table), cmp.AllowUnexported(mountPoint{})); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}

func FuzzParseMountInfo(f *testing.F) {
	f.Add(table)
	f.Add(`1 2 3:4 /\134\012 /\1 rw - a b c`)
	f.Fuzz(func(t *testing.T, data string) {
		for _, m := range parseMountInfo(data) {
			if m.path == "" || m.kind == "" {
				t.Errorf("empty field in %+v", m)
			}
		}
	})
}

func TestReportString(t *testing.T) {
	for want, r := range map[string]Report{
		"nothing":                         {},
		"1 container":                     {Containers: []string{"a"}},
		"1 container, 2 mounts, 1 cgroup": {Containers: []string{"a"}, Mounts: []string{"a", "b"}, Cgroups: []string{"a"}},
		"3 temporary files":               {Files: []string{"a", "b", "c"}},
	} {
		if got := r.String(); got != want || r.Empty() != (want == "nothing") {
			t.Errorf("%+v: %q, empty %t", r, got, r.Empty())
		}
	}
}

// TestSweep has everything but a container, which the engine's own tests have.
func TestSweep(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}

	dir := t.TempDir()
	c := Config{StateDir: dir, Bundles: filepath.Join(dir, "executor"), Temp: filepath.Join(dir, "tmp"), Cgroup: "/akmon-test-janitor"}
	rootfs := filepath.Join(c.Bundles, "abc", "rootfs")

	for _, d := range []string{rootfs, filepath.Join(c.Temp, "left"), filepath.Join(c.Bundles, "shared")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}

	if err := unix.Mount("tmpfs", rootfs, "tmpfs", 0, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}

	// Busy: the process below stands in it.
	sleeper := exec.Command("sleep", "60")
	sleeper.Dir = rootfs

	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}

	done := make(chan error, 1)
	go func() { done <- sleeper.Wait() }()

	groups := makeCgroup(t, c.Cgroup, sleeper.Process.Pid)

	report, err := Sweep(t.Context(), c)
	if err != nil {
		t.Error(err)
	}

	if len(groups) == 0 {
		t.Log("no cgroup hierarchy is writable here: that part is not tested")

		if err := sleeper.Process.Kill(); err != nil {
			t.Error(err)
		}
	}

	// Had the janitor not killed it, this would take a minute.
	<-done

	if diff := cmp.Diff(Report{Mounts: []string{rootfs}, Cgroups: report.Cgroups, Files: []string{filepath.Join(c.Bundles, "abc"), filepath.Join(c.Temp, "left")}}, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}

	for _, path := range append(groups, rootfs) {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}

	if again, err := Sweep(t.Context(), c); err != nil || !again.Empty() {
		t.Errorf("second sweep: %v, %v", again, err)
	}
}

// makeCgroup puts a process into a child of the given cgroup, in every
// hierarchy that lets it.
func makeCgroup(t *testing.T, path string, pid int) []string {
	t.Helper()

	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}

	var made []string

	for _, m := range parseMountInfo(string(data)) {
		if m.kind != "cgroup" && m.kind != "cgroup2" {
			continue
		}

		dir := filepath.Join(m.path, path, "child")
		if os.MkdirAll(dir, 0o755) != nil {
			continue
		}

		// cpuset wants its cpus set first; the directory alone is a test too.
		_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)

		made = append(made, dir)
	}

	return made
}
