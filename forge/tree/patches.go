package tree

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/source/patch"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Patch is one patch file of a step.
type Patch struct {
	// Path is relative to the package directory, or to the step's directory
	// if InPackage is false.
	Path      string
	InPackage bool
	// Strip is how many leading parts of names in the patch are left away.
	Strip int
	// Pos is where the recipe asks for it.
	Pos pkgtree.Position
}

// Patches gives the patch files of a step, in the order in which they are
// applied.
func (p *Package) Patches(step int) []Patch {
	if step >= len(p.patches) {
		return nil
	}

	return p.patches[step]
}

// findPatches finds the files that the patches of a recipe mean. What a
// pattern matches is in order of name.
func (t *Tree) findPatches(p *Package, fail failFunc) {
	for i := range p.Steps {
		var found []Patch

		for j := range p.Steps[i].Patches {
			wanted := &p.Steps[i].Patches[j]
			one := Patch{Path: wanted.Source, Strip: wanted.StripLevel(), Pos: wanted.Pos}

			if wanted.Source != "" {
				t.checkPatchSource(&p.Steps[i], wanted, fail)

				found = append(found, one)

				continue
			}

			names := t.matching(p, wanted.Path)
			if len(names) == 0 {
				fail(wanted.Pos, document.Suggest(wanted.Path, t.matching(p, path.Join(path.Dir(wanted.Path), "*"))),
					"no file of the package directory is named %s", wanted.Path)
			}

			for _, name := range names {
				t.checkPatch(p, name, wanted.Pos, fail)

				one.Path, one.InPackage = name, true
				found = append(found, one)
			}
		}

		if found != nil {
			p.patches = append(p.patches, make([][]Patch, i+1-len(p.patches))...)
			p.patches[i] = found
		}
	}
}

// checkPatchSource finds a patch that no source of its step can have.
func (t *Tree) checkPatchSource(s *pkgtree.Step, wanted *pkgtree.Patch, fail failFunc) {
	var names []string

	for i := range s.Sources {
		source := &s.Sources[i]

		switch {
		case source.URL == "" && source.Go == "":
			return // a directory: what is in it shows when it is built
		case source.FileName() == path.Clean(wanted.Source):
			return
		case source.URL != "":
			names = append(names, source.FileName())
		}
	}

	fail(wanted.Pos, document.Suggest(wanted.Source, names), "no source of the step puts a file %s there", wanted.Source)
}

// matching gives the files of the package directory that match a pattern, as
// instructions see them.
func (t *Tree) matching(p *Package, pattern string) []string {
	pattern = path.Clean(pattern)

	// What does not match a pattern is no error of the file system, and a bad
	// pattern is one of the recipe, which its type has found.
	found, _ := fs.Glob(t.files.fsys, path.Join(escapeGlob(p.Dir), pattern)) //nolint:errcheck // see above

	var names []string

	for _, name := range found {
		info, err := fs.Stat(t.files.fsys, name)
		if err != nil || !info.Mode().IsRegular() || strings.HasSuffix(name, pkgtree.TemplateSuffix) || p.hides(name) {
			continue
		}

		names = append(names, relative(p.Dir, name))
	}

	for _, template := range p.Templates {
		if ok, err := path.Match(pattern, template.Path); ok && err == nil && !slices.Contains(names, template.Path) {
			names = append(names, template.Path)
		}
	}

	slices.Sort(names)

	return names
}

// hides tells whether a file below the package directory is not in /pkg: it is
// hidden, a document, or another package's.
func (p *Package) hides(name string) bool {
	if base := path.Base(name); base == pkgtree.PackageFile || base == pkgtree.VarsFile {
		return true
	}

	if slices.ContainsFunc(strings.Split(relative(p.Dir, name), "/"), func(part string) bool { return strings.HasPrefix(part, ".") }) {
		return true
	}

	return slices.ContainsFunc(p.Nested, func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
}

// escapeGlob makes a path a pattern of path.Match that matches it alone.
func escapeGlob(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(p)
}

// checkPatch finds patches that no program could apply, so that they are known
// before anything is built. One that is too large for a document is left to the
// build.
func (t *Tree) checkPatch(p *Package, name string, pos pkgtree.Position, fail failFunc) {
	text, err := t.files.read(path.Join(p.Dir, name))

	for _, template := range p.Templates {
		if template.Path == name {
			text, err = template.Content, nil
		}
	}

	if err != nil {
		return
	}

	if _, err := patch.Parse(name, text); err != nil {
		fail(pos, "", "%v", fmt.Errorf("patch %w", err))
	}
}
