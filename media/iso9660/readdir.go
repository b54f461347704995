package iso9660

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

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
