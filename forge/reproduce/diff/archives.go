package diff

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/cpio"
)

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func (c *comparer) tar(p place, a, b *io.SectionReader) error {
	var lists [2][]entry

	for i, r := range []*io.SectionReader{a, b} {
		var err error
		if lists[i], err = tarEntries(r); err != nil {
			return err
		}
	}

	return c.entries(p, lists[0], lists[1])
}

func tarEntries(file *io.SectionReader) ([]entry, error) {
	var list []entry

	stream := whole(file)
	archive := tar.NewReader(stream)

	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, opaque("tar", err)
		}

		e := entry{name: h.Name, properties: []property{
			{"type", string(h.Typeflag)},
			{"mode", fmt.Sprintf("%#o", h.Mode)},
			{"owner", fmt.Sprintf("%d:%d %s:%s", h.Uid, h.Gid, h.Uname, h.Gname)},
			{"time", stamp(h.ModTime)},
			{"link", h.Linkname},
			{"device", fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)},
		}}

		for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
			if strings.HasPrefix(key, "SCHILY.xattr.") {
				e.properties = append(e.properties, property{strings.TrimPrefix(key, "SCHILY."), fmt.Sprintf("%q", h.PAXRecords[key])})
			}
		}

		if h.Typeflag == tar.TypeReg {
			// The reader does not read ahead: the content begins here.
			at, err := stream.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, fmt.Errorf("reading a tar archive: %w", err)
			}

			e.content = part(file, at, h.Size)
		}

		list = append(list, e)
	}
}

// cpio compares archives, and what follows them in an initramfs.
func (c *comparer) cpio(p place, a, b *io.SectionReader) error {
	var (
		lists [2][]entry
		rest  [2]*io.SectionReader
	)

	for i, r := range []*io.SectionReader{a, b} {
		var err error
		if lists[i], rest[i], err = cpioEntries(r); err != nil {
			return err
		}
	}

	if err := c.entries(p, lists[0], lists[1]); err != nil {
		return err
	}

	return c.compare(p.in("what follows the archive"), rest[0], rest[1])
}

func cpioEntries(file *io.SectionReader) ([]entry, *io.SectionReader, error) {
	var list []entry

	archive := cpio.NewReader(whole(file))

	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, opaque("cpio", err)
		}

		e := entry{name: h.Path, properties: []property{
			{"mode", fmt.Sprintf("%#o", h.Mode)},
			{"owner", fmt.Sprintf("%d:%d", h.UID, h.GID)},
			{"time", stamp(h.ModTime)},
			{"inode", h.Inode},
			{"links", h.Links},
			{"device", fmt.Sprintf("%d:%d", h.Major, h.Minor)},
		}}

		if h.Size > 0 || h.Mode&0o170000 == 0o100000 {
			e.content = part(file, h.Offset, h.Size)
		}

		list = append(list, e)
	}

	rest, err := skipZeros(file, archive.Offset())

	return list, rest, err
}

// skipZeros is what follows the padding after offset.
func skipZeros(file *io.SectionReader, offset int64) (*io.SectionReader, error) {
	buf := make([]byte, 64<<10)

	for offset < file.Size() {
		n, err := file.ReadAt(buf, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading at %d: %w", offset, err)
		}

		if i := bytes.IndexFunc(buf[:n], func(r rune) bool { return r != 0 }); i >= 0 {
			offset += int64(i)

			break
		}

		offset += int64(n)
	}

	return part(file, offset, file.Size()), nil
}

// ar compares archives of object files. Names are given as they are in the
// header or the table of long names; the symbol table is a member as others.
func (c *comparer) ar(p place, a, b *io.SectionReader) error {
	var lists [2][]entry

	for i, r := range []*io.SectionReader{a, b} {
		var err error
		if lists[i], err = arEntries(r); err != nil {
			return err
		}
	}

	return c.entries(p, lists[0], lists[1])
}

const arHeader = 60

func arEntries(file *io.SectionReader) ([]entry, error) {
	var (
		list  []entry
		names string
	)

	for at := int64(len("!<arch>\n")); at < file.Size(); {
		head, err := all(part(file, at, arHeader))
		if err != nil {
			return nil, err
		}

		if len(head) < arHeader || string(head[58:]) != "`\n" {
			return nil, opaque("ar", fmt.Errorf("there is no header at %d", at))
		}

		field := func(from, to int) string { return strings.TrimRight(string(head[from:to]), " ") }

		size, err := strconv.ParseInt(field(48, 58), 10, 64)
		if err != nil || size < 0 || size > file.Size()-at-arHeader {
			return nil, opaque("ar", fmt.Errorf("the size at %d is %q", at, field(48, 58)))
		}

		e := entry{name: field(0, 16), content: part(file, at+arHeader, size), properties: []property{
			{"time", field(16, 28)}, {"owner", field(28, 34) + ":" + field(34, 40)}, {"mode", field(40, 48)},
		}}

		if e.name == "//" {
			table, err := all(e.content)
			if err != nil {
				return nil, err
			}

			names = string(table)
		}

		e.name = longName(e.name, names)
		list = append(list, e)
		at += arHeader + size + size&1
	}

	return list, nil
}

// longName looks up a name such as /12 in the table of long names.
func longName(name, table string) string {
	offset, err := strconv.Atoi(strings.TrimPrefix(name, "/"))
	if !strings.HasPrefix(name, "/") || err != nil || offset < 0 || offset >= len(table) {
		return strings.TrimSuffix(name, "/")
	}

	long, _, _ := strings.Cut(table[offset:], "/\n")

	return long
}
