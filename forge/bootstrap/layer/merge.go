package layer

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"
)

// tree is the merged file system: entries by their real paths.
type tree struct {
	nodes map[string]entry
	from  map[string]map[string]string // package, its name for a file → the file's real path
}

// maxLinks bounds how many symbolic links one path may lead through.
const maxLinks = 40

// real resolves the symbolic links in a path's directories, and with whole
// also in its last element.
func (t *tree) real(name string, whole bool) (string, error) {
	done, rest := "", name

	for links := 0; rest != ""; {
		element, after, _ := strings.Cut(rest, "/")

		switch element {
		case "", ".":
			rest = after

			continue
		case "..":
			done, rest = parent(done), after

			continue
		}

		next := path.Join(done, element)

		n, ok := t.nodes[next]
		if !ok || n.kind != tar.TypeSymlink || (after == "" && !whole) {
			done, rest = next, after

			continue
		}

		if links++; links > maxLinks {
			return "", fmt.Errorf("/%s leads through too many symbolic links", name)
		}

		if strings.HasPrefix(n.target, "/") {
			done = ""
		}

		rest = strings.Trim(n.target, "/") + "/" + after
	}

	return done, nil
}

func parent(name string) string {
	dir := path.Dir(name)
	if dir == "." || dir == "/" {
		return ""
	}

	return dir
}

// merge puts all entries in one tree: symbolic links first, those nearer to
// the root before the others, so that the directories they stand for are known
// when paths below them come; then directories and files; then hard links.
func merge(entries []entry) (*tree, error) {
	t := &tree{nodes: map[string]entry{}, from: map[string]map[string]string{}}

	rank := func(e entry) int {
		switch e.kind {
		case tar.TypeSymlink:
			return 0
		case tar.TypeDir:
			return 1
		case tar.TypeReg:
			return 2
		default:
			return 3
		}
	}

	slices.SortStableFunc(entries, func(a, b entry) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}

		return strings.Count(a.name, "/") - strings.Count(b.name, "/")
	})

	for _, e := range entries {
		if err := t.add(e); err != nil {
			return nil, err
		}
	}

	return t, nil
}

func (t *tree) add(e entry) error {
	// A directory where another package has a link to a directory is the
	// directory that the link leads to.
	name, err := t.real(e.name, e.kind == tar.TypeDir)
	if err != nil {
		return fmt.Errorf("%s: %w", e.pkg, err)
	}

	if e.kind == tar.TypeLink {
		target, ok := t.from[e.pkg][e.target]
		if !ok {
			return fmt.Errorf("%s: /%s is a hard link to /%s, which is not a file of the package", e.pkg, e.name, e.target)
		}

		original := t.nodes[target]
		e.kind, e.data, e.target = tar.TypeReg, original.data, ""
		e.mode, e.uid, e.gid = original.mode, original.uid, original.gid
	}

	if e.kind == tar.TypeReg {
		if t.from[e.pkg] == nil {
			t.from[e.pkg] = map[string]string{}
		}

		t.from[e.pkg][e.name] = name
	}

	e.name = name

	other, ok := t.nodes[name]
	if !ok {
		t.nodes[name] = e

		return nil
	}

	same, err := agree(other, e)
	if err != nil {
		return fmt.Errorf("compare /%s of %s and %s: %w", name, other.pkg, e.pkg, err)
	}

	if same {
		return nil
	}

	difference := describe(other) + " against " + describe(e)
	if describe(other) == describe(e) {
		difference = "the contents differ"
	}

	return fmt.Errorf("%s and %s both have /%s, and not the same: %s", other.pkg, e.pkg, name, difference)
}

// agree tells whether two entries at one path can both be right. Directories
// always are; the first one's owner and mode hold, as with dpkg.
func agree(a, b entry) (bool, error) {
	switch {
	case a.kind != b.kind:
		return false, nil
	case a.kind == tar.TypeDir:
		return true, nil
	case a.kind == tar.TypeSymlink:
		return a.target == b.target, nil
	case a.mode != b.mode || a.uid != b.uid || a.gid != b.gid:
		return false, nil
	default:
		return a.data.equal(b.data)
	}
}

func describe(e entry) string {
	switch e.kind {
	case tar.TypeDir:
		return "a directory"
	case tar.TypeSymlink:
		return "a link to " + e.target
	default:
		return fmt.Sprintf("a file of %d bytes, mode %04o, owner %d:%d", e.data.size, e.mode, e.uid, e.gid)
	}
}

// exclude drops what the patterns match, and the directories that become empty
// by it.
func (t *tree) exclude(patterns []Pattern) (dropped int64) {
	touched := map[string]bool{}

	for name, e := range t.nodes {
		if name == "" || !Excluded(patterns, name) {
			continue
		}

		if e.data != nil {
			dropped += e.data.size
		}

		delete(t.nodes, name)

		touched[parent(name)] = true
	}

	filled := map[string]int{}
	for name := range t.nodes {
		if name != "" {
			filled[parent(name)]++
		}
	}

	// The deepest first: a directory may become empty by its last one.
	for _, dir := range sortedBy(touched, func(a, b string) int { return strings.Compare(b, a) }) {
		for dir != "" && filled[dir] == 0 {
			if e, ok := t.nodes[dir]; !ok || e.kind != tar.TypeDir {
				break
			}

			delete(t.nodes, dir)

			dir = parent(dir)
			filled[dir]--
		}
	}

	return dropped
}

// complete adds the directories that no package has but that are needed, and
// refuses a path below something that is not a directory.
func (t *tree) complete() error {
	for _, name := range sortedBy(t.nodes, strings.Compare) {
		e := t.nodes[name]

		for dir := parent(name); name != ""; dir = parent(dir) {
			above, ok := t.nodes[dir]

			switch {
			case !ok:
				t.nodes[dir] = entry{pkg: e.pkg, name: dir, kind: tar.TypeDir, mode: 0o755}
			case above.kind != tar.TypeDir:
				return fmt.Errorf("%s has /%s, but in %s /%s is %s", e.pkg, name, above.pkg, dir, describe(above))
			}

			if dir == "" {
				break
			}
		}
	}

	return nil
}

func sortedBy[V any](m map[string]V, compare func(a, b string) int) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}

	slices.SortFunc(keys, compare)

	return keys
}
