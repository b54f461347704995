package gpt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const mib = 1 << 20

var ignoreEntries = cmpopts.IgnoreUnexported(Table{})

// memory is a disk in memory.
type memory []byte

func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

func testTable(t testing.TB, size, sector int64) *Table {
	t.Helper()

	table, err := New(size, sector, NewGUID([]byte("seed"), "disk"))
	if err != nil {
		t.Fatal(err)
	}

	for _, p := range []struct {
		name string
		kind GUID
		size int64
	}{{"EFI", EFISystem, 8 * mib}, {"META", LinuxFilesystem, mib}, {"STATE Ä", LinuxFilesystem, 3*mib + 5}, {"EPHEMERAL", LinuxFilesystem, 0}} {
		if _, err := table.Add(Partition{Type: p.kind, GUID: NewGUID([]byte("seed"), p.name), Name: p.name}, p.size); err != nil {
			t.Fatal(err)
		}
	}

	return table
}

// noise is a disk that held something else.
func noise(size int) memory {
	return bytes.Repeat([]byte("noise"), size/5+1)[:size]
}

func TestRoundTrip(t *testing.T) {
	for _, sector := range []int64{512, 4096} {
		want := testTable(t, 32*mib+3, sector)
		disk := noise(32*mib + 3)

		if err := want.WriteAt(disk, nil); err != nil {
			t.Fatal(err)
		}

		got, backup, err := Read(bytes.NewReader(disk), int64(len(disk)))
		if err != nil || backup {
			t.Fatalf("backup %v, %v", backup, err)
		}

		if diff := cmp.Diff(want, got, ignoreEntries); diff != "" {
			t.Errorf("sector %d (-want +got):\n%s", sector, diff)
		}

		if err := got.Check(); err != nil {
			t.Error(err)
		}

		p, n, ok := got.Find("STATE Ä")
		if !ok || n != 3 || got.Offset(p) != 10*mib || got.Length(p) < 3*mib+5 {
			t.Errorf("STATE: %+v number %d", p, n)
		}
	}
}

func TestSgdiskAgrees(t *testing.T) {
	sgdisk, err := exec.LookPath("sgdisk")
	if err != nil {
		t.Skip("sgdisk is not installed")
	}

	table := testTable(t, 64*mib, 512)
	disk := noise(64 * mib)

	if err := table.WriteAt(disk, nil); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}

	out, err := exec.Command(sgdisk, "-v", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No problems found") {
		t.Fatalf("sgdisk -v: %v\n%s", err, out)
	}

	out, err = exec.Command(sgdisk, "-i", "1", "-i", "4", path).CombinedOutput()
	if err != nil {
		t.Fatalf("sgdisk -i: %v\n%s", err, out)
	}

	for _, want := range []string{
		"C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)", "First sector: 2048 ", "Partition name: 'EFI'",
		"0FC63DAF-8483-4772-8E79-3D69D8477DE4 (Linux filesystem)", "Partition name: 'EPHEMERAL'",
		NewGUID([]byte("seed"), "EFI").String(),
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("sgdisk does not say %q:\n%s", want, out)
		}
	}
}

func TestReadsTablesOfSgdisk(t *testing.T) {
	sgdisk, err := exec.LookPath("sgdisk")
	if err != nil {
		t.Skip("sgdisk is not installed")
	}

	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, 16*mib), 0o600); err != nil {
		t.Fatal(err)
	}

	if out, err := exec.Command(sgdisk, "-n", "2:2048:+1M", "-c", "2:META", "-t", "2:ef00", path).CombinedOutput(); err != nil {
		t.Fatalf("sgdisk: %v\n%s", err, out)
	}

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	table, _, err := Read(f, 16*mib)
	if err != nil {
		t.Fatal(err)
	}

	p, n, ok := table.Find("META")
	if !ok || n != 2 || p.First != 2048 || p.Last != 4095 || p.Type != EFISystem || table.Partitions[0].Used() {
		t.Errorf("got %+v, number %d", p, n)
	}
}

// Every byte of either copy may be damaged; the other one serves.
func TestDamage(t *testing.T) {
	const size = 32 * mib

	table := testTable(t, size, 512)
	disk := make(memory, size)

	if err := table.WriteAt(disk, nil); err != nil {
		t.Fatal(err)
	}

	damaged := func(at ...int64) (*Table, bool, error) {
		flip := func() {
			for _, a := range at {
				disk[a] ^= 0x55
			}
		}

		flip()
		defer flip()

		return Read(bytes.NewReader(disk), size)
	}

	for _, at := range []int64{512, 520, 530, 560, 590, 600, 1024, 1024 + 127} {
		got, backup, err := damaged(at)
		if err != nil || !backup {
			t.Errorf("byte %d: backup %v, %v", at, backup, err)

			continue
		}

		if diff := cmp.Diff(table, got, ignoreEntries); diff != "" {
			t.Errorf("byte %d: %s", at, diff)
		}
	}

	if _, _, err := damaged(560, size-512+60); !errors.Is(err, ErrDamaged) {
		t.Errorf("both copies: got %v, want ErrDamaged", err)
	}

	if _, _, err := damaged(512, size-512); !errors.Is(err, ErrNoTable) {
		t.Errorf("no signature: got %v, want ErrNoTable", err)
	}
}

// However far writing gets, the disk shows the old table, none, or the new one.
func TestInterruptedWriting(t *testing.T) {
	const size = 32 * mib

	table := testTable(t, size, 512)

	for steps := range 5 {
		disk := make(memory, size)
		stop := errors.New("power cut")
		n := 0

		err := table.WriteAt(disk, func() error {
			if n++; n > steps {
				return stop
			}

			return nil
		})
		if steps < 4 && !errors.Is(err, stop) {
			t.Fatalf("step %d: %v", steps, err)
		}

		got, _, err := Read(bytes.NewReader(disk), size)
		if err != nil {
			t.Fatalf("step %d: %v", steps, err)
		}

		if diff := cmp.Diff(table, got, ignoreEntries); diff != "" {
			t.Errorf("step %d: %s", steps, diff)
		}

		mbr, protective, err := HasMBR(bytes.NewReader(disk))
		if err != nil || mbr != (steps >= 3) || protective != mbr {
			t.Errorf("step %d: MBR %v, protective %v, %v", steps, mbr, protective, err)
		}
	}
}

func TestBadLayouts(t *testing.T) {
	if _, err := New(32*mib, 1024, GUID{}); !errors.Is(err, ErrLayout) {
		t.Errorf("sector size: %v", err)
	}

	for _, size := range []int64{-1, 0, 4096, 64 * 512} {
		if _, err := New(size, 512, GUID{}); !errors.Is(err, ErrLayout) {
			t.Errorf("size %d: %v", size, err)
		}
	}

	table := testTable(t, 32*mib, 512)
	for _, size := range []int64{mib, 1 << 62, -1} {
		if _, err := table.Add(Partition{Type: BIOSBoot, Name: "BIOS"}, size); !errors.Is(err, ErrNoSpace) {
			t.Errorf("add %d: %v, want ErrNoSpace", size, err)
		}
	}

	for name, change := range map[string]func(*Table){
		"overlap":   func(t *Table) { t.Partitions[1].First = t.Partitions[0].Last },
		"same GUID": func(t *Table) { t.Partitions[1].GUID = t.Partitions[0].GUID },
		"usable":    func(t *Table) { t.Partitions[3].Last = t.Sectors },
		"longer":    func(t *Table) { t.Partitions[0].Name = strings.Repeat("x", 37) },
		"entries":   func(t *Table) { t.Partitions = make([]Partition, 129) },
	} {
		table := testTable(t, 32*mib, 512)
		change(table)

		if _, err := table.Primary(); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestGUID(t *testing.T) {
	const text = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"

	g := MustGUID(strings.ToLower(text))
	if g.String() != text {
		t.Errorf("got %s", g)
	}

	// As it is on every disk's EFI partition.
	if want := "28732ac11ff8d211ba4b00a0c93ec93b"; fmt.Sprintf("%x", g[:]) != want {
		t.Errorf("on disk: %x, want %s", g[:], want)
	}

	for _, bad := range []string{"", "x", text[1:], text + "0", strings.ReplaceAll(text, "-", "_"), "G" + text[1:]} {
		if _, err := ParseGUID(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}

	if got := NewGUID([]byte("a"), "b").String(); got != "59B271AE-1BBC-81D3-9D41-929817F4B16F" {
		t.Errorf("derived GUIDs are not stable: %s", got)
	}

	if NewGUID([]byte("a"), "b") == NewGUID([]byte("a"), "c") {
		t.Error("derived GUIDs are not distinct")
	}

	if v := NewGUID(nil, "x").String(); v[14] != '8' || !strings.ContainsRune("89AB", rune(v[19])) {
		t.Errorf("%s is not of version 8", v)
	}
}

func FuzzRead(f *testing.F) {
	table := testTable(f, 16*mib, 512)

	primary, err := table.Primary()
	if err != nil {
		f.Fatal(err)
	}

	f.Add(primary)
	f.Add(make([]byte, 4096))
	f.Add(append(make([]byte, 4096), signature[:]...))

	f.Fuzz(func(t *testing.T, data []byte) {
		table, _, err := Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}

		if table.Check() == nil {
			if _, err := table.Primary(); err != nil {
				t.Fatalf("a valid table cannot be written: %v", err)
			}
		}
	})
}
