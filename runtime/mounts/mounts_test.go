package mounts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/mounts"
)

const table = `22 1 7:0 / / ro,nosuid shared:1 - squashfs /dev/loop0 ro,errors=continue
23 22 0:21 / /run rw,nosuid - tmpfs tmpfs rw,mode=755
24 22 0:22 / /var rw - tmpfs tmpfs rw
25 24 8:1 / /var rw,noatime - xfs /dev/sda1 rw
26 22 0:23 / /a\040b rw master:1 shared:2 - proc proc\134x rw
`

func TestParse(t *testing.T) {
	got, err := mounts.Parse([]byte(table))
	if err != nil {
		t.Fatal(err)
	}

	want := []mounts.Mount{
		{Source: "/dev/loop0", Target: "/", Type: "squashfs", Options: []string{"ro", "nosuid", "errors=continue"}},
		{Source: "tmpfs", Target: "/run", Type: "tmpfs", Options: []string{"rw", "nosuid", "mode=755"}},
		{Source: "/dev/sda1", Target: "/var", Type: "xfs", Options: []string{"rw", "noatime"}},
		{Source: `proc\x`, Target: "/a b", Type: "proc", Options: []string{"rw"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for _, bad := range []string{"x\n", "1 2 3 4 5\n", "22 1 7:0 / / ro - \n"} {
		if _, err := mounts.Parse([]byte(bad)); err == nil {
			t.Errorf("%q was parsed", bad)
		}
	}
}

func TestRead(t *testing.T) {
	all, err := mounts.Read()
	if err != nil {
		t.Fatal(err)
	}

	for _, m := range all {
		if m.Target == "/" {
			return
		}
	}

	t.Error("there is no root")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte(`1 2 3 4 \04 6 - a b`))
	f.Add([]byte(`1 2 3 4 \777 6 - a \`))

	f.Fuzz(func(_ *testing.T, data []byte) {
		mounts.Parse(data) //nolint:errcheck
	})
}
