package treetest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// linkMark stands between the name of a section that is a symbolic link and
// what the link leads to.
const linkMark = " -> "

// HasLinks tells whether the tree has symbolic links, or a file where a
// directory is named; such a tree must be written to disk to be what it is.
func (a *Archive) HasLinks() bool {
	for _, s := range a.sections {
		if strings.Contains(s.name, linkMark) {
			return true
		}
	}

	return false
}

// Write writes the files and links of the tree below dir.
func (a *Archive) Write(t testing.TB, dir string) {
	t.Helper()

	for _, s := range a.sections {
		name, target, link := strings.Cut(s.name, linkMark)
		path := filepath.Join(dir, filepath.FromSlash(name))

		if strings.HasPrefix(name, wantPrefix) {
			continue
		}

		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		var err error
		if link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, a.text(s), 0o644)
		}

		if err != nil {
			t.Fatal(err)
		}
	}
}

// text is what a section says. In the sections that the setting "escaped"
// names, \r, \t, \\ and \xHH stand for bytes that an editor would not keep.
func (a *Archive) text(s section) []byte {
	if !strings.Contains(" "+a.Setting("escaped", "")+" ", " "+s.name+" ") {
		return []byte(s.text)
	}

	var b strings.Builder

	for rest := s.text; rest != ""; {
		_, after, found := strings.Cut(rest, `\`)
		if !found || after == "" {
			b.WriteString(rest)

			break
		}

		b.WriteString(rest[:len(rest)-len(after)-1])

		size := 1
		if after[0] == 'x' {
			size = 3
		}

		value, err := strconv.Unquote(`"\` + after[:min(size, len(after))] + `"`)
		if err != nil {
			value = `\` + after[:1]
			size = 1
		}

		b.WriteString(value)

		rest = after[size:]
	}

	return []byte(b.String())
}
