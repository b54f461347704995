package iso9660

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

const (
	maxDepth = 8   // ECMA-119 6.8.2.1
	maxName  = 128 // bytes; more would not fit in one directory record
	// maxSection is the largest length that one directory record can give.
	maxSection = 1<<32 - SectorSize
)

type node struct {
	name     string
	path     string
	dir      bool
	mode     fs.FileMode
	time     time.Time
	content  *extent.List
	shared   *Shared
	children []*node
	byName   map[string]*node
	parent   *node

	id     []byte // ISO 9660 identifier
	sector int64
	size   int64 // bytes; of a directory, whole sectors
	number int   // directory: index in the path table, from 1
}

func newDir(name string, t time.Time, parent *node) *node {
	return &node{name: name, dir: true, mode: 0o755, time: t, parent: parent, byName: map[string]*node{}}
}

func buildTree(files []File, o *Options) (*node, error) {
	root := newDir("", o.Time, nil)
	root.parent = root
	root.id = []byte{0}

	for i := range files {
		if err := root.insert(&files[i], o); err != nil {
			return nil, fmt.Errorf("placing %q: %w", files[i].Path, err)
		}
	}

	return root, root.name83()
}

func (n *node) insert(f *File, o *Options) error {
	clean := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
	parts := strings.Split(clean, "/")

	switch {
	case clean == "":
		return errors.New("the path names the root directory")
	case len(parts) > maxDepth:
		return fmt.Errorf("it is deeper than %d levels", maxDepth)
	case f.Dir && (f.Content.Size() > 0 || f.Shared != nil):
		return errors.New("a directory can't have content")
	}

	if s := f.Shared; s != nil {
		switch {
		case f.Content != nil:
			return errors.New("it has both its own content and a shared one")
		case s.Boot < 0 || s.Boot >= len(o.Boot):
			return fmt.Errorf("there is no boot image %d", s.Boot)
		case s.Offset < 0 || s.Size < 0 || s.Offset%SectorSize != 0 || s.Offset+s.Size > o.Boot[s.Boot].Content.Size():
			return fmt.Errorf("the range %d+%d is not in boot image %d or not aligned", s.Offset, s.Size, s.Boot)
		}
	}

	for i, name := range parts {
		if len(name) > maxName {
			return fmt.Errorf("the name %.20q… is longer than %d bytes", name, maxName)
		}

		last := i == len(parts)-1
		child := n.byName[name]

		switch {
		case child == nil:
			child = newDir(name, o.Time, n)
			n.byName[name] = child
			n.children = append(n.children, child)
		case last && (!f.Dir || !child.dir):
			return errors.New("it is given twice")
		case !child.dir:
			return fmt.Errorf("%q is a file and a directory", child.path)
		}

		if last {
			child.set(f, o)
		}

		n = child
	}

	return nil
}

func (n *node) set(f *File, o *Options) {
	n.dir, n.path, n.content, n.shared = f.Dir, f.Path, f.Content, f.Shared
	n.mode = f.Mode.Perm()

	if n.mode == 0 {
		n.mode = 0o644
		if f.Dir {
			n.mode = 0o755
		}
	}

	if n.time = f.ModTime; n.time.IsZero() {
		n.time = o.Time
	}

	switch {
	case f.Shared != nil:
		n.size = f.Shared.Size
	default:
		n.size = f.Content.Size()
	}
}

// name83 gives each entry a unique upper-case 8.3 identifier, and sorts the
// directory by it as ECMA-119 9.3 wants.
func (n *node) name83() error {
	sort.Slice(n.children, func(i, j int) bool { return n.children[i].name < n.children[j].name })

	used := map[string]bool{}

	for _, c := range n.children {
		base, ext := split83(c.name, c.dir)

		id := base + "." + ext
		for i := 1; used[id]; i++ {
			tail := fmt.Sprintf("%03d", i)
			if i > 999 {
				return fmt.Errorf("too many names like %q in one directory", c.name)
			}

			id = base[:min(len(base), 8-len(tail))] + tail + "." + ext
		}

		used[id] = true

		if c.dir {
			id = strings.TrimSuffix(id, ".")
		} else {
			id += ";1"
		}

		c.id = []byte(id)
	}

	sort.Slice(n.children, func(i, j int) bool { return lessID(n.children[i].id, n.children[j].id) })

	for _, c := range n.children {
		if !c.dir {
			continue
		}

		if err := c.name83(); err != nil {
			return err
		}
	}

	return nil
}

// split83 maps a name to d-characters. Directories have no extension.
func split83(name string, dir bool) (base, ext string) {
	base = name
	if i := strings.LastIndexByte(name, '.'); i > 0 && !dir {
		base, ext = name[:i], name[i+1:]
	}

	clean := func(s string, limit int) string {
		s = dchars(s)

		return s[:min(len(s), limit)]
	}

	return clean(base, 8), clean(ext, 3)
}

// dchars maps s to the characters A-Z, 0-9 and _, one for each rune.
func dchars(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, s)
}

// lessID compares name, then extension, the shorter padded with spaces.
func lessID(a, b []byte) bool {
	an, ax, _ := bytes.Cut(a, []byte("."))
	bn, bx, _ := bytes.Cut(b, []byte("."))

	pad := func(b []byte) string { return fmt.Sprintf("%-12s", b) }

	if !bytes.Equal(an, bn) {
		return pad(an) < pad(bn)
	}

	return pad(ax) < pad(bx)
}

// dirs lists n and all directories below it, level by level: the order of
// the path table (ECMA-119 6.9.1).
func (n *node) dirs() []*node {
	out := []*node{n}
	for i := 0; i < len(out); i++ {
		out[i].number = i + 1

		for _, c := range out[i].children {
			if c.dir {
				out = append(out, c)
			}
		}
	}

	return out
}
