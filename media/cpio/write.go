package cpio

import (
	"fmt"
	"math"
	"path"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// File type bits of a mode, as stat(2) has them.
const (
	TypeMask uint32 = 0o170000
	TypeDir  uint32 = 0o040000
	TypeReg  uint32 = 0o100000
	TypeLink uint32 = 0o120000
	TypeChar uint32 = 0o020000
	TypeBlk  uint32 = 0o060000
	TypeFIFO uint32 = 0o010000
)

const (
	magic      = "070701"
	magicCRC   = "070702" // the same with a sum, which nobody checks
	headerSize = 110
	trailer    = "TRAILER!!!"
	maxName    = 4096
)

// File is one entry to write. The order of entries is kept: a directory must
// be before what is in it.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	// Mode has the type and permission bits; without a type it is a regular file.
	Mode uint32
	// Content of a regular file.
	Content *extent.List
	// Target of a symbolic link.
	Target string
	// Major and Minor number of a device node.
	Major, Minor uint32
}

// New returns an archive of files, all with the modification time t (the zero
// time is 1970), ended by the trailer and padded to 4 bytes.
func New(files []File, t time.Time) (*extent.List, error) {
	var (
		l     = &extent.List{}
		mtime = int64(0)
	)

	if !t.IsZero() {
		mtime = min(max(t.Unix(), 0), math.MaxUint32)
	}

	for i, f := range files {
		name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")

		if f.Mode&TypeMask == 0 {
			f.Mode |= TypeReg
		}

		content := f.Content
		if f.Mode&TypeMask == TypeLink {
			content = extent.FromBytes([]byte(f.Target))
		}

		switch {
		case name == "" || name == trailer || len(name) >= maxName || strings.ContainsRune(name, 0):
			return nil, fmt.Errorf("writing a cpio archive: %q can't be an entry's name", f.Path)
		case content.Size() > math.MaxUint32:
			return nil, fmt.Errorf("writing a cpio archive: %s has %d bytes, more than 4 GiB - 1", name, content.Size())
		case content.Size() > 0 && f.Mode&TypeMask != TypeReg && f.Mode&TypeMask != TypeLink:
			return nil, fmt.Errorf("writing a cpio archive: %s has content but is not a regular file", name)
		}

		links := 1
		if f.Mode&TypeMask == TypeDir {
			links = 2
		}

		l.AppendBytes(header(name, int64(i+1), f, links, mtime, content.Size()))
		l.Append(content)
		l.Align(4)
	}

	l.AppendBytes(header(trailer, 0, File{}, 1, 0, 0))
	l.Align(4)

	return l, nil
}

// header returns header, name and padding.
func header(name string, ino int64, f File, links int, mtime, size int64) []byte {
	s := fmt.Sprintf("%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", magic,
		ino, f.Mode, 0, 0, links, mtime, size, 0, 0, f.Major, f.Minor, len(name)+1, 0, name)

	return append([]byte(s), make([]byte, -len(s)&3)...)
}
