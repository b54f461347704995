package api

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// files makes a machine whose /proc has the given files.
func files(t *testing.T, texts map[string]string) *Machine {
	t.Helper()

	root := t.TempDir()

	for name, text := range texts {
		path := filepath.Join(root, "proc", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return &Machine{node: &Node{Root: root}}
}

func TestCPUInfo(t *testing.T) {
	m := files(t, map[string]string{"cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel name\t: Xeon\ncpu MHz\t\t: 2500.5\n" +
		"apicid\t\t: 3\ninitial apicid\t: 4\ncpuid level\t: 13\nsiblings\t: 2\nflags\t\t: fpu vme\nbugs\t\t:\nbogomips\t: 5000.00\n" +
		"clflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 46 bits physical\npower management:\n\n" +
		"processor\t: 1\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n"})

	got, err := m.CPUInfo(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	want := []*machine.CPUInfo{
		{
			VendorId: "GenuineIntel", CpuFamily: "6", ModelName: "Xeon", CpuMhz: 2500.5, ApicId: "3", InitialApicId: "4", CpuIdLevel: 13,
			Siblings: 2, Flags: []string{"fpu", "vme"}, BogoMips: 5000, ClFlushSize: 64, CacheAlignment: 64, AddressSizes: "46 bits physical",
		},
		{Processor: 1, Flags: []string{"fp", "asimd"}, Model: "0xd0c"},
	}
	if diff := cmp.Diff(want, got.GetMessages()[0].GetCpuInfo(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCounters(t *testing.T) {
	m := files(t, map[string]string{
		"diskstats": " 253 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n 253 1 vda1 1 0 0 0 0 0 0 0 0 0 0\n",
		"net/dev": "Inter-|   Receive                                                |  Transmit\n face |bytes\n" +
			"    lo:       1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  eth0: 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	})

	disks, err := m.DiskStats(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	vda := &machine.DiskStat{
		Name: "vda", ReadCompleted: 1, ReadMerged: 2, ReadSectors: 3, ReadTimeMs: 4, WriteCompleted: 5, WriteMerged: 6, WriteSectors: 7,
		WriteTimeMs: 8, IoInProgress: 9, IoTimeMs: 10, IoTimeWeightedMs: 11, DiscardCompleted: 12, DiscardMerged: 13, DiscardSectors: 14,
		DiscardTimeMs: 15,
	}
	if diff := cmp.Diff(vda, disks.GetMessages()[0].GetDevices()[0], protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if total := disks.GetMessages()[0].GetTotal(); total.GetReadCompleted() != 2 || total.GetDiscardTimeMs() != 15 || total.GetName() != "" {
		t.Errorf("total %v", total)
	}

	net, err := m.NetworkDeviceStats(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	if d := net.GetMessages()[0]; len(d.GetDevices()) != 2 || d.GetDevices()[0].GetTxCompressed() != 16 || d.GetTotal().GetRxBytes() != 101 {
		t.Errorf("got %v", d)
	}

	for name, text := range map[string]string{"diskstats": "253 0 vda 1\n", "net/dev": "lo: x\n"} {
		bad := files(t, map[string]string{name: text})

		if _, err := bad.DiskStats(t.Context(), nil); err == nil {
			t.Errorf("DiskStats accepted %q", text)
		}

		if _, err := bad.NetworkDeviceStats(t.Context(), nil); err == nil {
			t.Errorf("NetworkDeviceStats accepted %q", text)
		}
	}
}
