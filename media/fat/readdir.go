package fat

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/akmon-os/akmon/media/extent"
)

// Find returns the entry with this path, compared as FAT does: without case.
func (f *FS) Find(path string) (Entry, error) {
	all, err := f.Entries()
	if err != nil {
		return Entry{}, err
	}

	want := foldName(strings.Trim(path, "/"))
	for _, e := range all {
		if foldName(e.Path) == want {
			return e, nil
		}
	}

	return Entry{}, fmt.Errorf("the volume has no %s", path)
}

// Entries lists everything on the volume, each directory before its content,
// in stored order.
func (f *FS) Entries() ([]Entry, error) {
	var (
		out  []Entry
		seen = map[uint32]bool{}
		walk func(dir string, l *extent.List, depth int) error
	)

	walk = func(dir string, l *extent.List, depth int) error {
		b, err := l.Bytes(maxDirBytes)
		if err != nil {
			return fmt.Errorf("reading the directory %q: %w", dir, err)
		}

		for _, e := range parseDir(b) {
			if dir != "" {
				e.Path = dir + "/" + e.Path
			}

			if f.Type != FAT32 {
				e.first &= 0xffff // the upper half has other uses there
			}

			out = append(out, e)

			if !e.Dir {
				continue
			}

			if seen[e.first] || depth == maxDepth {
				return fmt.Errorf("the directory %q runs in a circle or too deep: %w", e.Path, ErrFormat)
			}

			seen[e.first] = true

			sub, err := f.chain(e.first, -1)
			if err != nil {
				return fmt.Errorf("reading the directory %q: %w", e.Path, err)
			}

			if err := walk(e.Path, sub, depth+1); err != nil {
				return err
			}
		}

		return nil
	}

	root := &extent.List{}
	if f.Type == FAT32 {
		var err error
		if root, err = f.chain(f.rootClus, -1); err != nil {
			return nil, fmt.Errorf("reading the root directory: %w", err)
		}

		seen[f.rootClus] = true
	} else {
		root.AppendRange(f.r, f.rootDir, f.rootSize)
	}

	return out, walk("", root, 0)
}

// parseDir decodes the entries of one directory. Damaged long names fall
// back to the short one, as everywhere.
func parseDir(b []byte) (out []Entry) {
	var (
		long []uint16
		sum  byte
		want byte
	)

	for ; len(b) >= entrySize && b[0] != 0; b = b[entrySize:] {
		e := b[:entrySize]

		switch {
		case e[0] == 0xe5:
			long = nil
			continue
		case e[11]&0x3f == attrLong:
			if e[0]&0x40 != 0 {
				long, sum, want = nil, e[13], e[0]&0x3f
			}

			if want == 0 || e[0]&0x3f != want || e[13] != sum || want > 20 {
				long, want = nil, 0
				continue
			}

			part := make([]uint16, 13)
			for i, pos := range longPositions {
				part[i] = le.Uint16(e[pos:])
			}

			long = append(part, long...)
			want--

			continue
		case e[11]&attrVolume != 0 || e[0] == '.':
			long = nil
			continue
		}

		name := ""
		if want == 0 && long != nil && sum == shortSum([11]byte(e[:11])) {
			name = longString(long)
		}

		if name == "" || strings.ContainsAny(name, "/\x00") {
			name = shortString(e[:11])
		}

		long = nil

		out = append(out, Entry{
			Path: name, Dir: e[11]&attrDir != 0, Attr: Attr(e[11]) & (ReadOnly | Hidden | System),
			ModTime: goTime(le.Uint16(e[24:]), le.Uint16(e[22:])),
			first:   uint32(le.Uint16(e[20:]))<<16 | uint32(le.Uint16(e[26:])),
		})

		if last := &out[len(out)-1]; !last.Dir {
			last.Size = int64(le.Uint32(e[28:]))
		}
	}

	return out
}

func longString(units []uint16) string {
	for i, u := range units {
		if u == 0 {
			units = units[:i]
			break
		}
	}

	return string(utf16.Decode(units))
}

func shortString(b []byte) string {
	clean := func(b []byte) string {
		return strings.Map(func(r rune) rune {
			if r < 0x20 || r == '/' || r > 0x7e {
				return '_'
			}

			return r
		}, strings.TrimRight(string(b), " "))
	}

	base, ext := clean(b[:8]), clean(b[8:])
	if ext != "" {
		return base + "." + ext
	}

	return base
}

func goTime(date, clock uint16) time.Time {
	return time.Date(1980+int(date>>9), time.Month(date>>5&15), int(date&31),
		int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
}
