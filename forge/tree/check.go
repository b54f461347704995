package tree

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// check finds what one document alone cannot tell: stages that nobody
// defines, files that are not there.
func (t *Tree) check(packages []*Package) document.Errors {
	var errs document.Errors

	names := slices.Collect(maps.Keys(t.Packages))
	complete := true

	for _, p := range packages {
		complete = complete && p.Name != ""
	}

	for _, p := range packages {
		fail := func(pos pkgtree.Position, hint, format string, args ...any) {
			e := p.Errorf(pos, format, args...)
			e.Hint = hint
			errs = append(errs, e)
		}

		t.checkOutput(p, fail)
		t.findPatches(p, fail)

		for i := range p.Dependencies {
			t.checkDependency(p, &p.Dependencies[i], names, complete, fail)
		}

		for i := range p.Steps {
			for j := range p.Steps[i].Sources {
				t.checkSource(&p.Steps[i].Sources[j], fail)
			}
		}
	}

	return errs
}

type failFunc func(pos pkgtree.Position, hint, format string, args ...any)

// checkOutput finds what makes no sense, although bldr accepts it.
func (t *Tree) checkOutput(p *Package, fail failFunc) {
	if t.Compatible() {
		return
	}

	if len(p.Install) > 0 && t.VariantOf(p) == pkgtree.Scratch {
		fail(p.InstallPos, "", "install adds Alpine packages; it needs `variant: alpine`")
	}

	if len(p.Steps) > 0 && len(p.Finalize) == 0 && len(p.Outputs) == 0 {
		fail(p.StepsPos, "", "the package has steps but no finalize: its output would be empty")
	}
}

func (t *Tree) checkDependency(p *Package, d *pkgtree.Dependency, names []string, complete bool, fail failFunc) {
	// When a recipe is so broken that its name is not known, the stage may
	// well be in it.
	switch stage := t.Packages[d.Stage]; {
	case d.Stage == "":
	case stage == nil && complete:
		fail(d.Pos, t.nameHint(p, d.Stage, names), "no package of the tree is named %q", d.Stage)
	case stage != nil && stage.Divided():
		fail(d.Pos, "", "%v", stage.divided())
	}

	if path.IsAbs(d.Debian) {
		fail(d.Pos, "", "lock file %s: the path is relative to the package's directory", d.Debian)

		return
	}

	// The lock file itself may not exist yet: making it needs the tree.
	if d.Debian != "" && !fs.ValidPath(p.Path(d.Debian)) {
		fail(d.Pos, "", "lock file %s: %v", d.Debian, errOutside)
	}
}

// nameHint gives the package that p likely means by a name that none has.
func (t *Tree) nameHint(p *Package, name string, names []string) string {
	others := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return other == p.Name })
	if hint := document.Suggest(name, others); hint != "" {
		return hint
	}

	slices.Sort(others)

	for _, other := range others {
		if dir := t.Packages[other].Dir; dir == name || path.Base(dir) == name {
			return fmt.Sprintf("the package in %s is named %q", dir, other)
		}
	}

	return ""
}

func (t *Tree) checkSource(s *pkgtree.Source, fail failFunc) {
	if s.Local != "" {
		if err := t.files.exists(s.Local, true); err != nil {
			fail(s.Pos, "", "local directory %s: %v", s.Local, err)
		}
	}

	if s.Go == "" {
		return
	}

	name := path.Join(s.Go, "go.sum")
	if err := t.files.exists(name, false); err != nil {
		hint := ""
		if path.Base(s.Go) == "go.sum" {
			hint = "name the directory that has the go.sum"
		}

		fail(s.Pos, hint, "%s: %v", name, err)

		return
	}

	if err := t.files.readGoSum(name); err != nil {
		fail(s.Pos, "", "%s: %s", name, reason(err))
	}
}

func (f *files) readGoSum(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()

	if _, known := f.goSums[name]; known {
		return nil
	}

	text, err := f.read(name)
	if err == nil {
		f.goSums[name] = text
	}

	return err
}

func node(line, column int) *yaml.Node { return &yaml.Node{Line: line, Column: column} }
