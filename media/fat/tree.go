package fat

import (
	"fmt"
	"math"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// maxEntries bounds a directory, in 32-byte entries. The format allows 2^16;
// this keeps a FAT16 root's count, rounded up to whole sectors, in 16 bits.
const maxEntries = 1<<16 - 512

// node is a file or directory of the tree that New builds.
type node struct {
	name     string
	path     string // as the caller spelt it
	dir      bool
	attr     Attr
	time     time.Time
	content  *extent.List
	children []*node
	byFold   map[string]*node
	parent   *node

	short   [11]byte
	exact   bool
	first   int64 // first cluster, 0 for none
	entries int64 // directory: number of 32-byte entries
}

func newDir(name string, t time.Time, parent *node) *node {
	return &node{name: name, dir: true, time: t, parent: parent, byFold: map[string]*node{}}
}

// buildTree arranges files in a sorted tree with short names assigned.
func buildTree(files []File, o *Options) (*node, error) {
	root := newDir("", o.Time, nil)

	for i := range files {
		if err := root.insert(&files[i], o); err != nil {
			return nil, fmt.Errorf("placing %q: %w", files[i].Path, err)
		}
	}

	return root, root.finish(o.Label != "")
}

func (n *node) insert(f *File, o *Options) error {
	clean := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
	if clean == "" {
		return fmt.Errorf("the path names the root directory")
	}

	if f.Content.Size() > math.MaxUint32 {
		return fmt.Errorf("%d bytes are more than the 4 GiB - 1 that a FAT file can have", f.Content.Size())
	}

	if f.Dir && f.Content.Size() > 0 {
		return fmt.Errorf("a directory can't have content")
	}

	t := f.ModTime
	if t.IsZero() {
		t = o.Time
	}

	parts := strings.Split(clean, "/")
	for i, name := range parts {
		if err := checkName(name); err != nil {
			return err
		}

		last := i == len(parts)-1
		child := n.byFold[foldName(name)]

		switch {
		case child == nil:
			child = newDir(name, o.Time, n)
			n.byFold[foldName(name)] = child
			n.children = append(n.children, child)
		case child.name != name:
			return fmt.Errorf("%q and %q are the same name on FAT", child.name, name)
		case last && (!f.Dir || !child.dir):
			return fmt.Errorf("%q is given twice", clean)
		case !child.dir:
			return fmt.Errorf("%q is a file and a directory", child.path)
		}

		if last {
			child.dir = f.Dir
			child.attr = f.Attr & (ReadOnly | Hidden | System)
			child.time = t
			child.content = f.Content
			child.path = f.Path
		}

		n = child
	}

	return nil
}

// finish sorts the tree, gives short names, and counts directory entries.
func (n *node) finish(label bool) error {
	sort.Slice(n.children, func(i, j int) bool { return foldName(n.children[i].name) < foldName(n.children[j].name) })

	switch {
	case n.parent != nil:
		n.entries = 2 // "." and ".."
	case label:
		n.entries = 1
	}

	used := map[[11]byte]bool{}

	// Exact 8.3 names go first, so that no generated name takes theirs.
	for _, exact := range []bool{true, false} {
		for _, c := range n.children {
			if c.short != [11]byte{} {
				continue
			}

			short, isExact, err := shortName(c.name, used)
			if err != nil {
				return err
			}

			if isExact != exact {
				continue
			}

			c.short, c.exact = short, isExact
			used[short] = true
			n.entries++

			if !exact {
				n.entries += int64(len(longEntries(c.name, short)) / entrySize)
			}
		}
	}

	if n.entries > maxEntries {
		return fmt.Errorf("the directory %q needs more than %d entries", n.name, maxEntries)
	}

	for _, c := range n.children {
		if !c.dir {
			continue
		}

		if err := c.finish(false); err != nil {
			return err
		}
	}

	return nil
}

// walk calls f for n and everything below it, directories before their content.
func (n *node) walk(f func(*node)) {
	f(n)

	for _, c := range n.children {
		c.walk(f)
	}
}

// bytes is the length of the node's content on disk.
func (n *node) bytes() int64 {
	if n.dir {
		return n.entries * entrySize
	}

	return n.content.Size()
}
