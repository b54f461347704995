package iso9660

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// ErrFormat is returned (wrapped) for what is not an ISO 9660 image or a
// damaged one.
var ErrFormat = errors.New("not a valid ISO 9660 image")

// Limits that a reader of foreign images keeps.
const (
	maxDescriptors = 64
	maxDirBytes    = 16 << 20
	maxEntries     = 1 << 20
	maxReadDepth   = 64
)

// Entry is a file or directory of an opened image.
type Entry struct {
	Path    string // slashes, no leading one; the Rock Ridge name where there is one
	Dir     bool
	Mode    fs.FileMode // permissions, 0 without Rock Ridge
	Size    int64       // bytes
	ModTime time.Time
	// Sections are the file's parts in the image, in order.
	Sections []Range
}

// BootEntry is one bootable entry of the El Torito catalogue.
type BootEntry struct {
	Platform Platform
	Offset   int64  // of the image, in bytes
	Sectors  uint16 // as stored, in units of 512 bytes
}

// FS is an opened image. It is safe for concurrent use if its reader is.
type FS struct {
	VolumeID, Publisher, Application string
	Size                             int64 // bytes, as the volume says
	Boot                             []BootEntry

	r    io.ReaderAt
	size int64
	root Range
}

func formatError(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrFormat)...)
}

// Open reads the volume descriptors and the boot catalogue of the image in
// the first size bytes of r.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	f := &FS{r: r, size: size}
	if err := f.descriptors(); err != nil {
		return nil, fmt.Errorf("reading an ISO 9660 image: %w", err)
	}

	return f, nil
}

func (f *FS) descriptors() error {
	var b [SectorSize]byte

	for i := int64(0); i < maxDescriptors; i++ {
		if _, err := f.r.ReadAt(b[:], (firstDescriptor+i)*SectorSize); err != nil {
			return formatError("volume descriptor %d: %v", i, err)
		}

		if string(b[1:6]) != "CD001" {
			return formatError("volume descriptor %d has no signature", i)
		}

		switch b[0] {
		case 0:
			if strings.HasPrefix(string(b[7:39]), "EL TORITO SPECIFICATION") {
				if err := f.catalog(int64(le.Uint32(b[71:])) * SectorSize); err != nil {
					return err
				}
			}
		case 1:
			if le.Uint16(b[128:]) != SectorSize {
				return formatError("logical blocks of %d bytes", le.Uint16(b[128:]))
			}

			trim := func(b []byte) string { return strings.TrimRight(string(b), " \x00") }
			f.VolumeID, f.Publisher, f.Application = trim(b[40:72]), trim(b[318:446]), trim(b[574:702])
			f.Size = int64(le.Uint32(b[80:])) * SectorSize
			f.root = Range{int64(le.Uint32(b[158:])) * SectorSize, int64(le.Uint32(b[166:]))}
		case 255:
			if f.root.Size == 0 {
				return formatError("no primary volume descriptor")
			}

			return nil
		}
	}

	return formatError("more than %d volume descriptors", maxDescriptors)
}

// catalog reads the boot catalogue, which is at most one sector here.
func (f *FS) catalog(at int64) error {
	var b [SectorSize]byte
	if _, err := f.r.ReadAt(b[:], at); err != nil {
		return formatError("the boot catalogue: %v", err)
	}

	if b[0] != 1 || b[30] != 0x55 || b[31] != 0xaa {
		return formatError("the boot catalogue has no validation entry")
	}

	platform := Platform(b[1])

	for i := catalogEntry; i < SectorSize; i += catalogEntry {
		e := b[i : i+catalogEntry]

		switch e[0] {
		case 0x88:
			f.Boot = append(f.Boot, BootEntry{platform, int64(le.Uint32(e[8:])) * SectorSize, le.Uint16(e[6:])})
		case 0x90, 0x91:
			platform = Platform(e[1])
		case 0x00:
			if i > catalogEntry {
				return nil
			}
		}
	}

	return nil
}

// BootImage returns boot image i up to what its entry says; one that says 0
// or 1 reaches to the end of the medium, see the package comment.
func (f *FS) BootImage(i int) (*extent.List, error) {
	if i < 0 || i >= len(f.Boot) {
		return nil, fmt.Errorf("the image has no boot entry %d", i)
	}

	e := f.Boot[i]
	n := int64(e.Sectors) * 512

	if e.Sectors < 2 {
		n = f.size - e.Offset
	}

	if n = min(n, f.size-e.Offset); n <= 0 {
		return nil, formatError("boot image %d starts at %d, the image ends at %d", i, e.Offset, f.size)
	}

	l := &extent.List{}
	l.AppendRange(f.r, e.Offset, n)

	return l, nil
}

// Content returns what the file e holds, as ranges of the image's reader.
func (f *FS) Content(e Entry) *extent.List {
	l := &extent.List{}
	for _, s := range e.Sections {
		l.AppendRange(f.r, s.Offset, s.Size)
	}

	return l
}

// Entries lists everything in the tree, each directory before its content.
func (f *FS) Entries() ([]Entry, error) {
	w := walker{f: f, seen: map[int64]bool{}, skip: -1}
	if err := w.dir("", f.root, 0); err != nil {
		return nil, fmt.Errorf("reading an ISO 9660 image: %w", err)
	}

	return w.out, nil
}

type walker struct {
	f    *FS
	out  []Entry
	seen map[int64]bool
	skip int
}

func (w *walker) dir(name string, at Range, depth int) error {
	switch {
	case w.seen[at.Offset] || depth > maxReadDepth:
		return formatError("the directory %q runs in a circle or too deep", name)
	case at.Size > maxDirBytes || at.Offset+at.Size > w.f.size:
		return formatError("the directory %q has %d bytes at %d, which can't be", name, at.Size, at.Offset)
	}

	w.seen[at.Offset] = true
	b := make([]byte, at.Size)

	if _, err := w.f.r.ReadAt(b, at.Offset); err != nil {
		return fmt.Errorf("reading the directory %q: %w", name, err)
	}

	more := false // the previous record's file goes on in the next one

	for pos := 0; pos < len(b); {
		n := int(b[pos])
		if n == 0 {
			pos = (pos/SectorSize + 1) * SectorSize
			continue
		}

		if n < 34 || pos+n > len(b) || 33+int(b[pos+32]) > n {
			return formatError("the directory %q has a damaged record at %d", name, pos)
		}

		rec := b[pos : pos+n]
		pos += n

		if err := w.record(name, rec, &more, depth); err != nil {
			return err
		}
	}

	return nil
}

func (w *walker) record(dir string, rec []byte, more *bool, depth int) error {
	idLen := int(rec[32])
	id := rec[33 : 33+idLen]
	use := rec[33+idLen:]

	if idLen%2 == 0 && len(use) > 0 {
		use = use[1:]
	}

	if idLen == 1 && id[0] <= 1 {
		// The root's "." says whether System Use fields follow, and where.
		if dir == "" && id[0] == 0 && len(use) >= 7 && string(use[:2]) == "SP" && use[4] == 0xbe && use[5] == 0xef {
			w.skip = int(use[6])
		}

		return nil
	}

	part := Range{int64(le.Uint32(rec[2:])) * SectorSize, int64(le.Uint32(rec[10:]))}
	if part.Offset+part.Size > w.f.size {
		return formatError("%q has %d bytes at %d, after the end", id, part.Size, part.Offset)
	}

	if *more && len(w.out) > 0 {
		last := &w.out[len(w.out)-1]
		last.Size += part.Size
		last.Sections = append(last.Sections, part)
		*more = rec[25]&flagMulti != 0

		return nil
	}

	name, mode := plainName(id), fs.FileMode(0)
	if w.skip >= 0 && w.skip <= len(use) {
		name, mode = rockRidgeName(use[w.skip:], name)
	}

	if dir != "" {
		name = dir + "/" + name
	}

	if len(w.out) >= maxEntries {
		return formatError("more than %d entries", maxEntries)
	}

	t := time.Date(1900+int(rec[18]), time.Month(rec[19]), int(rec[20]), int(rec[21]), int(rec[22]), int(rec[23]), 0,
		time.UTC).Add(-time.Duration(int8(rec[24])) * 15 * time.Minute)
	e := Entry{Path: name, Mode: mode, ModTime: t, Dir: rec[25]&flagDir != 0}

	if e.Dir {
		w.out = append(w.out, e)
		return w.dir(name, part, depth+1)
	}

	e.Size, e.Sections = part.Size, []Range{part}
	*more = rec[25]&flagMulti != 0
	w.out = append(w.out, e)

	return nil
}

// plainName is an ISO 9660 identifier without version and empty extension.
func plainName(id []byte) string {
	name, _, _ := strings.Cut(string(id), ";")

	return clean(strings.TrimSuffix(name, "."))
}

// clean keeps a foreign name from being more than one path element.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return '_'
		}

		return r
	}, name)

	if name == "" || name == "." || name == ".." {
		return "_" + name
	}

	return name
}

// rockRidgeName takes name and mode from System Use fields. Continuation
// areas are not followed: only names above 128 bytes would be there.
func rockRidgeName(use []byte, name string) (string, fs.FileMode) {
	var (
		long string
		mode fs.FileMode
	)

	for len(use) >= 4 {
		n := int(use[2])
		if n < 4 || n > len(use) {
			break
		}

		switch sig := string(use[:2]); {
		case sig == "NM" && n > 5 && use[4]&6 == 0:
			long += string(use[5:n])
		case sig == "PX" && n >= 12:
			mode = fs.FileMode(le.Uint32(use[4:])) & fs.ModePerm
		}

		use = use[n:]
	}

	if long != "" {
		name = clean(long)
	}

	return name, mode
}
