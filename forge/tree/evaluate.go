package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// evaluate renders and decodes every document for a pair of platforms. The
// error is for platforms that are not known.
func (t *Tree) evaluate(target, build ocispecs.Platform) (*Tree, document.Errors, error) {
	result := &Tree{Root: t.Root, RootFile: t.RootFile, RootRaw: t.RootRaw, files: t.files, dialect: t.dialect}

	var err error

	if result.target, err = findPlatform(FormatPlatform(target)); err != nil {
		return nil, nil, err
	}

	if result.build, err = findPlatform(FormatPlatform(build)); err != nil {
		return nil, nil, err
	}

	result.Packages = map[string]*Package{}

	if len(t.files.dirs) == 0 {
		return result, nil, nil // the directory itself could not be read
	}

	vars, errs := result.variables()
	result.rootVars = vars[t.files.dirs[0]].values

	packages, found := result.decode(vars)
	errs = append(errs, found...)
	packages = withOutputs(packages)
	errs = append(errs, result.index(packages)...)
	errs = append(errs, result.check(packages)...)

	return result, errs, nil
}

// variables are what the templates of a directory see. When a document that
// sets some could not be understood, they are incomplete: that one of them is
// not set means nothing then.
type variables struct {
	values     map[string]string
	incomplete bool
}

// meant leaves out the findings that incomplete variables are the reason for.
func (v variables) meant(found document.Errors) document.Errors {
	if !v.incomplete {
		return found
	}

	return slices.DeleteFunc(found, func(e *document.Error) bool { return errors.Is(e, render.ErrNotSet) })
}

// variables gives the variables of each directory. A directory without a
// vars.yaml shares its parent's.
func (t *Tree) variables() (map[*directory]variables, document.Errors) {
	var errs document.Errors

	all := make(map[*directory]variables, len(t.files.dirs))

	for _, dir := range t.files.dirs {
		inherited := all[dir.parent]
		if dir.parent == nil {
			inherited = variables{t.base(t.target, t.build), t.files.rootBroken}
		}

		inherited.incomplete = inherited.incomplete || dir.unread
		all[dir] = inherited

		if len(dir.vars) == 0 {
			continue
		}

		file := t.files.name(path.Join(dir.path, pkgtree.VarsFile))
		own := map[string]string{}

		err := t.decodeTemplate(file, dir.vars, inherited.values, &own, nil)
		errs = append(errs, inherited.meant(document.Join(file, err))...)

		merged := maps.Clone(inherited.values)
		maps.Copy(merged, own)
		all[dir] = variables{merged, inherited.incomplete || err != nil}
	}

	return all, errs
}

// decode renders and decodes the recipes, several at a time; the result is in
// the order of the directories.
func (t *Tree) decode(vars map[*directory]variables) ([]*Package, document.Errors) {
	var dirs []*directory

	for _, dir := range t.files.dirs {
		if dir.pkg != nil {
			dirs = append(dirs, dir)
		}
	}

	packages := make([]*Package, len(dirs))
	findings := make([]document.Errors, len(dirs))
	next := make(chan int)

	var wait sync.WaitGroup

	for range min(runtime.GOMAXPROCS(0), len(dirs)) {
		wait.Go(func() {
			for i := range next {
				packages[i], findings[i] = t.decodePackage(dirs[i], vars[dirs[i]])
			}
		})
	}

	for i := range dirs {
		next <- i
	}

	close(next)
	wait.Wait()

	return packages, slices.Concat(findings...)
}

func (t *Tree) decodePackage(dir *directory, vars variables) (*Package, document.Errors) {
	p := &Package{
		Package:  &pkgtree.Package{},
		File:     t.files.name(path.Join(dir.path, pkgtree.PackageFile)),
		Dir:      dir.path,
		Raw:      dir.pkg,
		Vars:     vars.values,
		Nested:   dir.nested,
		HasFiles: dir.hasFiles,
	}

	r := &recipe{tree: t, vars: vars.values, document: p.Package}
	errs := document.Join(p.File, t.decodeTemplate(p.File, dir.pkg, vars.values, r, func(m *render.Map) {
		for _, pos := range p.Positions() {
			if !pos.Root {
				pos.Line, pos.Column = m.Source(pos.Line, pos.Column)
			}
		}

		for _, e := range r.missing {
			t.relocate(e, p.File, dir.pkg, m)
		}
	}))
	p.Missing, p.rootFile, p.rootRaw = r.missing, t.RootFile, t.RootRaw

	for _, tmpl := range dir.templates {
		file := t.files.name(tmpl)

		text, err := t.files.read(tmpl)
		if err != nil {
			errs = append(errs, &document.Error{File: file, Message: reason(err)})

			continue
		}

		rendered, err := render.Render(file, text, vars.values)
		if err != nil {
			errs = append(errs, document.Join(file, err)...)

			continue
		}

		name := strings.TrimSuffix(tmpl, pkgtree.TemplateSuffix)
		p.Templates = append(p.Templates, Template{Path: relative(dir.path, name), Content: rendered.Text})
	}

	return p, vars.meant(errs)
}

// relative is path p without the directory that it is in.
func relative(dir, p string) string {
	if dir == "." {
		return p
	}

	return strings.TrimPrefix(p, dir+"/")
}

// decodeTemplate renders raw and decodes it strictly into v; the findings
// have their places in raw. translate gets the map when there is one.
func (t *Tree) decodeTemplate(file string, raw []byte, vars map[string]string, v any, translate func(*render.Map)) error {
	rendered, err := render.Render(file, raw, vars)
	if err != nil {
		return err
	}

	errs := document.Join(file, document.Decode(file, rendered.Text, v))

	if translate != nil {
		translate(rendered.Map)
	}

	if r, ok := v.(*recipe); ok && len(errs) == 0 && r.document.NamePos.Line == 0 {
		errs = append(errs, &document.Error{File: file, Message: "the recipe is empty"})
	}

	// Finding the place in the source takes as long as the file is large; who
	// makes a thousand mistakes is helped with the first of them.
	if more := len(errs) - maxFindings; more > 0 {
		errs = append(errs[:maxFindings], &document.Error{File: file, Message: fmt.Sprintf("and %d more errors", more)})
	}

	for _, e := range errs {
		t.relocate(e, file, raw, rendered.Map)
	}

	return errs.OrNil()
}

// maxFindings bounds the errors that are reported of one document.
const maxFindings = 100

// relocate moves a finding from the rendered text to the source. Where the
// two lines differ it says what was rendered. One that is about a reusable step
// has its place in the root document.
func (t *Tree) relocate(e *document.Error, file string, raw []byte, m *render.Map) {
	e.File = file

	switch {
	case e.Line == 0:
		return
	case e.Line > pkgtree.RootLines:
		e.File, e.Line = t.RootFile, e.Line-pkgtree.RootLines
		e.Text = document.At(e.File, t.RootRaw, node(e.Line, e.Column), "").Text

		if e.Hint != "" {
			e.Hint += "; "
		}

		e.Hint += "used by " + file

		return
	}

	if text, differs := m.Rendered(e.Line); differs {
		if e.Hint != "" {
			e.Hint += "; "
		}

		e.Hint += fmt.Sprintf("rendered as %q", shorten(text))
	}

	e.Line, e.Column = m.Source(e.Line, e.Column)
	e.Text = document.At(e.File, raw, node(e.Line, e.Column), "").Text
}

func shorten(s string) string {
	const limit = 80

	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}

	return s
}

// index makes the tree's map of packages.
func (t *Tree) index(packages []*Package) document.Errors {
	var errs document.Errors

	t.Packages = make(map[string]*Package, len(packages))

	for _, p := range packages {
		if p.Name == "" {
			continue
		}

		if first, taken := t.Packages[p.Name]; taken {
			errs = append(errs, p.Errorf(p.NamePos, "package %q is already defined in %s:%d", p.Name, first.File, first.NamePos.Line))

			continue
		}

		t.Packages[p.Name] = p
	}

	return errs
}

var errOutside = errors.New("the path leads out of the tree")

// exists tells whether a path that a document names is in the tree.
func (f *files) exists(name string, dir bool) error {
	if name = path.Clean(name); !fs.ValidPath(name) {
		return errOutside
	}

	f.mu.Lock()
	defer f.mu.Unlock()

	key := fmt.Sprint(name, dir)
	if err, known := f.checked[key]; known {
		return err
	}

	info, err := fs.Stat(f.fsys, name)

	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("there is no such file in the tree")
		if dir {
			err = errors.New("there is no such directory in the tree")
		}
	case err != nil:
		err = errors.New(reason(err))
	case dir && !info.IsDir():
		err = errors.New("it is not a directory")
	case !dir && !info.Mode().IsRegular():
		err = errNotRegular
	}

	f.checked[key] = err

	return err
}
