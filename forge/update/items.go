package update

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// item is a version that something follows.
type item struct {
	Result

	lookup  lookup
	subject subject
	raw     string // the version as written where File and Line say
	newest  string // the newest version, without what stands before it
	path    string // of File, relative to the root of the tree
	pkg     *tree.Package
}

// items finds what is followed.
func (r *run) items() ([]*item, error) {
	t := r.trees[0]

	for _, name := range r.Targets {
		if t.Packages[name] == nil {
			hint := document.Suggest(name, t.Names())
			if hint != "" {
				hint = "; " + hint
			}

			return nil, fmt.Errorf("no package of the tree is named %q%s", name, hint)
		}
	}

	var items []*item

	files := map[string]bool{rootFile(r.fsys): true}

	for _, name := range t.Names() {
		p := t.Packages[name]
		if len(r.Targets) > 0 && !slices.Contains(r.Targets, name) {
			continue
		}

		for _, file := range chain(p, rootFile(r.fsys)) {
			files[file] = true
		}

		if p.Upstream != "" {
			items = append(items, r.ofPackage(p))
		}
	}

	for _, file := range slices.Sorted(maps.Keys(files)) {
		text, err := r.read(nil, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}

		if err != nil {
			return nil, fmt.Errorf("read %s: %w", r.name(file), err)
		}

		for _, f := range readComments(text) {
			if len(r.Targets) == 0 || r.uses(f.name) {
				items = append(items, r.ofVariable(file, f))
			}
		}
	}

	slices.SortStableFunc(items, func(a, b *item) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})

	return items, nil
}

// uses tells whether a target's recipe, or a vars.yaml above it, names the
// variable.
func (r *run) uses(variable string) bool {
	for _, name := range r.Targets {
		for _, file := range chain(r.trees[0].Packages[name], "") {
			if text, err := r.read(nil, file); err == nil && strings.Contains(string(text), "."+variable) {
				return true
			}
		}
	}

	return false
}

// ofPackage makes an item of a package that says where newer versions appear.
func (r *run) ofPackage(p *tree.Package) *item {
	file := path.Join(p.Dir, pkgtree.PackageFile)
	i := &item{pkg: p, path: file, Result: Result{Name: p.Name, File: r.name(file), Line: p.NamePos.Line, Upstream: p.Upstream, Current: p.Version, State: Failed}}

	var err error
	if i.lookup, err = parseUpstream(p.Upstream); err != nil {
		i.Reason = err.Error()

		return i
	}

	where, err := r.version(p)
	if err != nil {
		i.Reason = err.Error()

		return i
	}

	i.path, i.Line, i.raw = where.file, where.line, where.text
	i.File = r.name(i.path)
	i.subject = subject{name: p.Name, current: core.FindString(where.text)}

	for s := range sources(p) {
		i.subject.files = append(i.subject.files, path.Base(s.URL))
	}

	i.State = Current

	return i
}

// ofVariable makes an item of a variable with a comment.
func (r *run) ofVariable(file string, f followed) *item {
	i := &item{
		path: file, raw: f.value, lookup: f.lookup,
		subject: subject{name: path.Base(f.depName), current: core.FindString(f.value)},
		Result:  Result{Name: f.name, File: r.name(file), Line: f.line, Upstream: f.lookup.address, Current: f.value, State: Current},
	}

	if f.skip != "" {
		i.State, i.Reason = Skipped, f.skip
	}

	return i
}
