package installer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/fat"
	"github.com/akmon-os/akmon/media/gpt"
	"github.com/akmon-os/akmon/media/pe"
)

// Names of the partitions, as documented.
const (
	EFI       = "EFI"
	Meta      = "META"
	State     = "STATE"
	Ephemeral = "EPHEMERAL"
)

const (
	mib = 1 << 20

	// DefaultEFISize has room for two slots with extensions in them.
	DefaultEFISize = 2048 * mib
	// MetaSize is the documented size of META, in bytes.
	MetaSize = 1 * mib
	// StateSize is the documented size of STATE, in bytes.
	StateSize = 100 * mib
	// MinEphemeral is the least that EPHEMERAL must get.
	MinEphemeral = 512 * mib

	// slack is what FAT structures and alignment may take beside the files.
	slack = 8 * mib

	// sample is how much of either end of a file goes into the seed, in bytes.
	sample = 64 << 10
)

// ErrTooSmall means that the disk or the EFI partition is too small for what
// is to be on it.
var ErrTooSmall = errors.New("too small")

// Layout says what goes on a disk.
type Layout struct {
	Arch       string    // "amd64" or "arm64"
	Assets     *Assets   // required
	Cmdline    string    // the kernel's whole command line
	Size       int64     // of the disk, in bytes; 0 is the least that fits (with FirstBoot)
	SectorSize int64     // 512 (also for 0) or 4096
	EFISize    int64     // in bytes; 0 is DefaultEFISize
	FirstBoot  bool      // leave STATE and EPHEMERAL to the machine's first boot
	Seed       []byte    // of all GUIDs; nil is derived from the rest of the layout
	Time       time.Time // of files; the zero time is 1980-01-01
}

// Image is a disk that has been laid out but not been written.
type Image struct {
	Table *gpt.Table
	// ESP is the content of the EFI partition, exactly as long as it.
	ESP *extent.List
}

// firmwareName is where firmware looks for a boot loader (UEFI specification
// 2.10, table 3.5).
var firmwareName = map[string]string{
	"amd64": "EFI/BOOT/BOOTX64.EFI",
	"arm64": "EFI/BOOT/BOOTAA64.EFI",
}

// machine is what PE files of an architecture say.
var machine = map[string]pe.Machine{"amd64": pe.AMD64, "arm64": pe.ARM64}

// New lays a disk out. Nothing is written; errors are ErrAssets, ErrTooSmall
// and what the formats refuse.
func New(l Layout) (*Image, error) {
	if l.SectorSize == 0 {
		l.SectorSize = 512
	}

	if l.EFISize == 0 {
		l.EFISize = DefaultEFISize
	}

	if l.EFISize%mib != 0 {
		return nil, fmt.Errorf("the EFI partition's size, %d bytes, is not a multiple of 1 MiB", l.EFISize)
	}

	if err := l.checkSize(); err != nil {
		return nil, err
	}

	uki, err := l.uki()
	if err != nil {
		return nil, err
	}

	if need := 2*uki.Size() + l.Assets.BootLoader.Size() + slack; need > l.EFISize {
		return nil, fmt.Errorf("the EFI partition is %w: two slots of %s each need %s, it has %s",
			ErrTooSmall, bytesText(uki.Size()), bytesText(need), bytesText(l.EFISize))
	}

	if l.Seed == nil {
		if l.Seed, err = l.seed(uki); err != nil {
			return nil, err
		}
	}

	table, err := l.table()
	if err != nil {
		return nil, err
	}

	esp, err := l.esp(table, uki)
	if err != nil {
		return nil, err
	}

	return &Image{Table: table, ESP: esp}, nil
}

// MinSize is the least size of a disk for the layout, in bytes.
func (l Layout) MinSize() int64 {
	efi := l.EFISize
	if efi == 0 {
		efi = DefaultEFISize
	}

	// The tables take less than 1 MiB at either end.
	size := mib + efi + MetaSize + mib
	if !l.FirstBoot {
		size += StateSize + MinEphemeral
	}

	return size
}

func (l *Layout) checkSize() error {
	least := l.MinSize()
	if l.Size == 0 {
		l.Size = least
	}

	if l.Size < least {
		return fmt.Errorf("the disk is %w: it has %s, at least %s are needed", ErrTooSmall, bytesText(l.Size), bytesText(least))
	}

	return nil
}

// uki is the unified kernel image of a slot.
func (l *Layout) uki() (*extent.List, error) {
	if l.Assets == nil {
		return nil, fmt.Errorf("%w are not given", ErrAssets)
	}

	want, ok := machine[l.Arch]
	if !ok {
		return nil, fmt.Errorf("%w: unknown architecture %q (amd64, arm64)", ErrAssets, l.Arch)
	}

	for _, part := range []struct {
		name string
		list *extent.List
	}{{KernelFile, l.Assets.Kernel}, {StubFile, l.Assets.Stub}, {BootLoaderFile, l.Assets.BootLoader}} {
		img, err := pe.Parse(part.list, part.list.Size())
		if err != nil {
			return nil, fmt.Errorf("%w: %s is not an EFI program: %w", ErrAssets, part.name, err)
		}

		if img.Machine != want {
			return nil, fmt.Errorf("%w: %s is for %s, not for %s", ErrAssets, part.name, img.Machine, l.Arch)
		}
	}

	uki, err := pe.UKI(pe.Parts{
		Stub: l.Assets.Stub, Linux: l.Assets.Kernel, Initrd: l.Assets.Initramfs,
		OSRelease: l.Assets.OSRelease, Cmdline: l.Cmdline,
	})
	if err != nil {
		return nil, err
	}

	return uki, nil
}

// seed makes GUIDs follow from what is installed: another layout gets others.
func (l *Layout) seed(uki *extent.List) ([]byte, error) {
	h := sha256.New()

	// A struct of plain values always marshals.
	text, _ := json.Marshal(struct {
		Arch, Cmdline, OSRelease string
		Size, Sector, EFI, UKI   int64
		FirstBoot                bool
	}{l.Arch, l.Cmdline, string(l.Assets.OSRelease), l.Size, l.SectorSize, l.EFISize, uki.Size(), l.FirstBoot})
	h.Write(text)

	// Both ends of each file tell two builds apart, without reading all of it:
	// versions, times and signatures are there.
	for _, list := range []*extent.List{l.Assets.BootLoader, l.Assets.Stub, l.Assets.Kernel, l.Assets.Initramfs} {
		for _, end := range []*extent.List{list.Slice(0, sample), list.Slice(max(0, list.Size()-sample), sample)} {
			if _, err := end.WriteTo(h); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrAssets, err)
			}
		}
	}

	return h.Sum(nil), nil
}

func (l *Layout) table() (*gpt.Table, error) {
	t, err := gpt.New(l.Size, l.SectorSize, gpt.NewGUID(l.Seed, "disk"))
	if err != nil {
		return nil, err
	}

	parts := []struct {
		name string
		kind gpt.GUID
		size int64
	}{{EFI, gpt.EFISystem, l.EFISize}, {Meta, gpt.LinuxFilesystem, MetaSize}}

	if !l.FirstBoot {
		parts = append(parts, parts[1], parts[1])
		parts[2].name, parts[2].size = State, StateSize
		parts[3].name, parts[3].size = Ephemeral, 0
	}

	for _, p := range parts {
		if _, err := t.Add(gpt.Partition{Type: p.kind, GUID: gpt.NewGUID(l.Seed, p.name), Name: p.name}, p.size); err != nil {
			return nil, err
		}
	}

	return t, nil
}

// esp is the EFI partition's file system.
func (l *Layout) esp(t *gpt.Table, uki *extent.List) (*extent.List, error) {
	part, _, _ := t.Find(EFI)

	volume, err := fat.New([]fat.File{
		{Path: firmwareName[l.Arch], Content: l.Assets.BootLoader},
		{Path: SlotA.path(), Content: uki},
		{Path: "loader/loader.conf", Content: extent.FromBytes(loaderConf(SlotA))},
	}, fat.Options{
		Size: t.Length(part), SectorSize: int(l.SectorSize), Type: fat.FAT32, Label: EFI, Time: l.Time,
		HiddenSectors: uint32(part.First),
	})
	if err != nil {
		return nil, fmt.Errorf("make the EFI file system: %w", err)
	}

	return volume.List, nil
}

// List is the whole disk.
func (i *Image) List() (*extent.List, error) {
	primary, err := i.Table.Primary()
	if err != nil {
		return nil, err
	}

	backup, err := i.Table.Backup()
	if err != nil {
		return nil, err
	}

	part, _, _ := i.Table.Find(EFI)

	list := extent.FromBytes(primary)
	if err := list.PadTo(i.Table.Offset(part)); err != nil {
		return nil, err
	}

	list.Append(i.ESP)

	if err := list.PadTo(i.Table.BackupOffset()); err != nil {
		return nil, err
	}

	list.AppendBytes(backup)

	return list, nil
}

// bytesText writes a size for people, in MiB.
func bytesText(n int64) string {
	return fmt.Sprintf("%d MiB", (n+mib-1)/mib)
}
