package update

import (
	"errors"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// sources yields what a package downloads.
func sources(p *tree.Package) iter.Seq[*pkgtree.Source] {
	return func(yield func(*pkgtree.Source) bool) {
		if p == nil { // not there on every platform
			return
		}

		for i := range p.Steps {
			for j := range p.Steps[i].Sources {
				if s := &p.Steps[i].Sources[j]; s.URL != "" && !yield(s) {
					return
				}
			}
		}
	}
}

func rootFile(fsys fs.FS) string {
	if _, err := fs.Stat(fsys, pkgtree.RootFile); err == nil {
		return pkgtree.RootFile
	}

	return pkgtree.PackageFile
}

// chain are the documents that say what a package is: its recipe, the
// vars.yaml of each directory up to the root, and the root document.
func chain(p *tree.Package, root string) []string {
	files := []string{path.Join(p.Dir, pkgtree.PackageFile)}

	for dir := p.Dir; ; dir = path.Dir(dir) {
		files = append(files, path.Join(dir, pkgtree.VarsFile))

		if dir == "." {
			break
		}
	}

	if root != "" && !slices.Contains(files, root) {
		files = append(files, root)
	}

	return files
}

// where is a value in a document.
type where struct {
	file string
	line int
	text string
}

var (
	versionKey = regexp.MustCompile(`^version\s*:\s*(.*?)\s*$`)
	names      = regexp.MustCompile(`\.([A-Za-z_][A-Za-z0-9_]*)`)
)

// version finds where the version of a package is written: in the recipe, or
// where the variable is set that stands there.
func (r *run) version(p *tree.Package) (where, error) {
	if p.Version == "" {
		return where{}, errors.New("the package has no version")
	}

	number := 0

	for line := range strings.Lines(string(p.Raw)) {
		number++

		m := versionKey.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}

		if !strings.Contains(m[1], "{{") {
			return where{path.Join(p.Dir, pkgtree.PackageFile), number, p.Version}, nil
		}

		for _, name := range names.FindAllStringSubmatch(m[1], -1) {
			if w, ok := r.definition(p, name[1]); ok {
				return w, nil
			}
		}
	}

	return where{}, errors.New("the version is not written in the recipe, nor in a variable of the tree")
}

// definition finds where a variable is set to what the version is made of: the
// nearest document wins.
func (r *run) definition(p *tree.Package, name string) (where, bool) {
	for _, file := range chain(p, rootFile(r.fsys))[1:] {
		text, err := r.read(r.changed, file)
		if err != nil {
			continue
		}

		number := 0

		for line := range strings.Lines(string(text)) {
			number++

			m := variable.FindStringSubmatch(line)
			if m != nil && m[1] == name && m[2] == p.Vars[name] && strings.Contains(p.Version, core.FindString(m[2])) {
				return where{file, number, m[2]}, true
			}
		}
	}

	return where{}, false
}
