package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Options say what to load.
type Options struct {
	// Dir is the root of the tree; empty means the current directory.
	Dir string
	// FS is read instead of Dir when it is given; Dir then only names the
	// files in messages.
	FS fs.FS
	// Args are the build arguments.
	Args map[string]string
	// Platform is what the packages are for; zero means [Host].
	Platform ocispecs.Platform
	// BuildPlatform is what the steps run on. Zero means Host in an Akmon
	// tree, and Platform in one with a Pkgfile.
	BuildPlatform ocispecs.Platform
}

// Tree is a loaded tree. It does not change; all methods may be called from
// several goroutines.
type Tree struct {
	// Root is the root document, RootFile its name for messages and
	// RootRaw its text.
	Root     *pkgtree.Root
	RootFile string
	RootRaw  []byte
	// Packages by name.
	Packages map[string]*Package

	rootVars      map[string]string
	files         *files
	dialect       dialect
	target, build platform
}

// Package is a loaded recipe.
type Package struct {
	*pkgtree.Package

	// File names the recipe in messages; Dir is its directory, relative to
	// the root, with slashes, "." for the root itself.
	File, Dir string
	// Raw is the recipe as written.
	Raw []byte
	// Vars are the template variables of the package; not to be changed.
	Vars map[string]string
	// Templates are the rendered *.tmpl files.
	Templates []Template
	// Nested are the directories of the packages inside this one, relative
	// to the root.
	Nested []string
	// HasFiles tells whether the directory has anything for /pkg besides
	// Templates.
	HasFiles bool
	// Recipe is the package whose steps make this one, which is one of its
	// outputs; nil for a package that has a recipe of its own.
	Recipe *Package
	// Missing are findings about values that there are not for the tree's
	// platform: the package can't be built for it.
	Missing document.Errors

	rootFile string
	rootRaw  []byte
	patches  [][]Patch // of each step, see Patches
}

// Template is a rendered file; Path is where it goes, relative to the package
// directory, without the .tmpl.
type Template struct {
	Path    string
	Content []byte
}

// DefaultEpoch is the time of every file in trees whose root document gives
// none: the first that a ZIP archive can express.
var DefaultEpoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Load reads, renders and checks the tree. What is wrong with the documents
// comes as document.Errors, all together, and the tree is nil.
func Load(opts Options) (*Tree, error) {
	t, found, err := Inspect(opts)
	if err != nil {
		return nil, err
	}

	if err := found.OrNil(); err != nil {
		return nil, err
	}

	return t, nil
}

// Inspect is Load for who wants to know more of a tree that is wrong: it gives
// what could be understood of it beside the findings. Such a tree lacks
// packages, and parts of packages; it is not to be built. The error is for
// what is no tree at all.
func Inspect(opts Options) (*Tree, document.Errors, error) {
	dir := filepath.Clean(opts.Dir) // "" becomes "."

	if opts.FS != nil {
		return load(opts, opts.FS, dir)
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the tree: %w", err)
	}

	// The root stays open as long as the tree is in use: For looks at files
	// again. It closes itself when nothing refers to it any more.
	return load(opts, root.FS(), dir)
}

func load(opts Options, fsys fs.FS, dir string) (*Tree, document.Errors, error) {
	f := &files{fsys: fsys, display: dir, args: maps.Clone(opts.Args)}

	// An empty argument is one that is not given: scripts pass what they have.
	if text := opts.Args[EpochArg]; text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < 0 || seconds >= 1<<40 {
			return nil, nil, fmt.Errorf("build argument %s=%s is not a number of seconds since 1970", EpochArg, text)
		}

		epoch := time.Unix(seconds, 0).UTC()
		f.epoch = &epoch
	}

	t, found, err := f.scan()
	if err != nil {
		return nil, nil, err
	}

	target, build := opts.Platform, opts.BuildPlatform
	if target.OS == "" {
		target = Host()
	}

	if build.OS == "" {
		build = target
		if t.dialect.cross {
			build = Host()
		}
	}

	result, more, err := t.evaluate(target, build)

	return result, append(found, more...).Unique(), err
}

// For gives the tree for another pair of platforms. Trees are kept, so that
// asking again gives the same one.
func (t *Tree) For(target, build ocispecs.Platform) (*Tree, error) {
	key := FormatPlatform(target) + " " + FormatPlatform(build)

	t.files.mu.Lock()
	entry, ok := t.files.variants[key]

	if !ok {
		entry = sync.OnceValues(func() (*Tree, error) {
			result, found, err := t.evaluate(target, build)
			if err := errors.Join(err, found.OrNil()); err != nil {
				return nil, err
			}

			return result, nil
		})
		t.files.variants[key] = entry
	}
	t.files.mu.Unlock()

	return entry()
}

// Platform is what the packages are for.
func (t *Tree) Platform() ocispecs.Platform { return t.target.spec }

// BuildPlatform is what the steps run on.
func (t *Tree) BuildPlatform() ocispecs.Platform { return t.build.spec }

// EpochArg is the build argument that overrides the tree's epoch, in whole
// seconds since 1970.
const EpochArg = "SOURCE_DATE_EPOCH"

// Epoch is the time that every file in the outputs gets: that of the build
// argument [EpochArg], else the root document's, else [DefaultEpoch].
func (t *Tree) Epoch() time.Time {
	if t.files.epoch != nil {
		return *t.files.epoch
	}

	if t.Root.Epoch != nil {
		return t.Root.Epoch.Time
	}

	return DefaultEpoch
}

// Names gives the names of all packages, sorted.
func (t *Tree) Names() []string {
	return slices.Sorted(maps.Keys(t.Packages))
}

// Dir is the directory that the tree was loaded from.
func (t *Tree) Dir() string { return t.files.display }

// ReadFile reads a file of the tree, of at most 2 MiB; name is relative to its
// root, with slashes. It cannot be made to read outside the tree.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	if name = path.Clean(name); !fs.ValidPath(name) {
		return nil, fmt.Errorf("read %s: %w", name, errOutside)
	}

	text, err := t.files.read(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.files.name(name), err)
	}

	return text, nil
}

// GoSum gives the go.sum of a directory that a `go` source names. The text is
// read once, when the tree is loaded.
func (t *Tree) GoSum(dir string) []byte { return t.files.goSums[path.Join(dir, "go.sum")] }

// ShellOf is the shell that runs the instructions of p.
func (t *Tree) ShellOf(p *Package) string {
	if p.Shell != "" {
		return p.Shell
	}

	return t.dialect.shell
}

// VariantOf is the base of p.
func (t *Tree) VariantOf(p *Package) pkgtree.Variant {
	if p.Variant != "" {
		return p.Variant
	}

	return t.dialect.variant
}

// Hidden tells whether views of the tree leave the package out: a vars.yaml
// sets GRAPH_IGNORE to true.
func (p *Package) Hidden() bool { return p.Vars["GRAPH_IGNORE"] == "true" }

// Errorf makes a finding about a place in the recipe, or in the reusable step
// of the root document that it came from.
func (p *Package) Errorf(pos pkgtree.Position, format string, args ...any) *document.Error {
	if pos.Root {
		return document.At(p.rootFile, p.rootRaw, node(pos.Line, pos.Column), format, args...)
	}

	return document.At(p.File, p.Raw, node(pos.Line, pos.Column), format, args...)
}

// Path is the path of a file that the recipe names relative to its directory,
// relative to the root of the tree.
func (p *Package) Path(name string) string { return path.Join(p.Dir, name) }
