package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// maxFile bounds the documents and templates of a tree, in bytes.
const maxFile = 2 << 20

// files is what was read from disk; every variant of a tree shares it.
type files struct {
	fsys    fs.FS
	display string
	args    map[string]string
	epoch   *time.Time // of the build argument, if it is given

	// dirs are the directories with documents, parents before children,
	// in order of name.
	dirs []*directory

	// rootBroken tells that the root document may lack variables.
	rootBroken bool

	mu       sync.Mutex
	variants map[string]func() (*Tree, error)

	// goSums and checked are filled while the tree is loaded first.
	goSums  map[string][]byte
	checked map[string]error
}

// directory is one directory with a document or a template.
type directory struct {
	path      string // relative to the root, "." for the root
	parent    *directory
	vars, pkg []byte
	// templates and nested are paths relative to the root.
	templates []string
	nested    []string
	hasFiles  bool
	// unread tells that vars.yaml is there, but could not be read.
	unread bool
}

// name is how messages call a file.
func (f *files) name(p string) string {
	if f.display == "." {
		return filepath.FromSlash(p)
	}

	return filepath.Join(f.display, filepath.FromSlash(p))
}

// scan finds and reads all documents and decodes the root document. The error
// is for what is no tree; findings leave what could be read.
func (f *files) scan() (*Tree, document.Errors, error) {
	f.variants = map[string]func() (*Tree, error){}
	f.goSums, f.checked = map[string][]byte{}, map[string]error{}

	t := &Tree{files: f, Root: &pkgtree.Root{}, dialect: pkgfileDialect}

	rootFile := pkgtree.RootFile

	raw, err := f.read(rootFile)
	if errors.Is(err, fs.ErrNotExist) {
		rootFile = pkgtree.PackageFile
		t.dialect = akmonDialect
		raw, err = f.read(rootFile)
	}

	t.RootFile, t.RootRaw = f.name(rootFile), raw

	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%s is not a package tree: it has neither a %s nor a %s", f.display, pkgtree.RootFile, pkgtree.PackageFile)
	case err != nil:
		return nil, nil, document.Errors{{File: t.RootFile, Message: reason(err)}}
	}

	rootErr := decodeRoot(t.RootFile, raw, t.Root)

	f.rootBroken = rootErr != nil && lacksVariables(raw)
	walkErr := f.walk(".", nil, t.dialect)

	return t, append(document.Join(t.RootFile, rootErr), document.Join(f.display, walkErr)...), nil
}

func decodeRoot(file string, raw []byte, root *pkgtree.Root) error {
	roots, err := document.Parse(file, raw)
	if err != nil {
		return err
	}

	if len(roots) == 0 {
		return document.Errors{{File: file, Message: "the root document is empty", Hint: "it must say at least `format: " + pkgtree.Format + "`"}}
	}

	return document.Decode(file, raw, root)
}

// lacksVariables tells whether a root document that is wrong may have been
// meant to set variables that it does not set.
func lacksVariables(raw []byte) bool {
	var variables struct {
		Vars map[string]string `yaml:"vars"`
		Rest map[string]any    `yaml:",inline"`
	}

	if yaml.Unmarshal(raw, &variables) != nil {
		return true
	}

	for key := range variables.Rest {
		if document.Suggest(key, []string{"vars"}) != "" {
			return true
		}
	}

	return false
}

// ownRoot matches the pkg.yaml that is a root document.
var ownRoot = regexp.MustCompile(`(?m)^format\s*:`)

// walk reads dir and what is below it. It gives every error that it meets.
func (f *files) walk(dir string, parent *directory, d dialect) error {
	entries, err := fs.ReadDir(f.fsys, dir)
	if err != nil {
		return document.Errors{{File: f.name(dir), Message: reason(err)}}
	}

	here := &directory{path: dir, parent: parent}

	var (
		errs    document.Errors
		subdirs []string
	)

	read := func(entry fs.DirEntry) []byte {
		name := path.Join(dir, entry.Name())

		text, err := f.readEntry(name, entry)
		if err != nil {
			errs = append(errs, &document.Error{File: f.name(name), Message: reason(err)})
		}

		return text
	}

	for _, entry := range entries {
		name := entry.Name()

		switch {
		case strings.HasPrefix(name, "."):
		case entry.IsDir() && (name == pkgtree.PackageFile || name == pkgtree.VarsFile):
			errs = append(errs, &document.Error{File: f.name(path.Join(dir, name)), Message: "a directory has the name of a document"})
		case entry.IsDir():
			subdirs = append(subdirs, name)
		case name == pkgtree.RootFile && dir != "." && d.cross:
			return nil // a tree of its own
		case name == pkgtree.RootFile && dir == ".":
		case name == pkgtree.PackageFile:
			if dir != "." || !d.cross {
				here.pkg = read(entry)
			}
		case name == pkgtree.VarsFile:
			here.vars = read(entry)
			here.unread = len(errs) > 0
		case strings.HasSuffix(name, pkgtree.TemplateSuffix):
			here.hasFiles = true
			here.templates = append(here.templates, path.Join(dir, name))
		default:
			here.hasFiles = true
		}
	}

	if d.cross && dir != "." && bytes.Contains(here.pkg, []byte("format")) && ownRoot.Match(here.pkg) {
		return nil
	}

	index := len(f.dirs)
	f.dirs = append(f.dirs, here)

	for _, name := range subdirs {
		if d.cross && (strings.HasPrefix(name, "_") || name == "testdata") || name == "_out" {
			here.hasFiles = here.hasFiles || name != "_out"

			continue
		}

		before := len(f.dirs)

		errs = append(errs, document.Join(f.display, f.walk(path.Join(dir, name), here, d))...)

		if before == len(f.dirs) {
			here.hasFiles = true
		}
	}

	f.settle(index, d)

	return errs.OrNil()
}

// settle gives what belongs to the package in directory index: the templates
// and the directories of packages below it. A directory without a package
// hands everything to its parent. bldr takes the directories of packages inside
// a package for files of that one, too.
func (f *files) settle(index int, d dialect) {
	here := f.dirs[index]

	if d.compatible && here.parent != nil {
		here.parent.hasFiles = here.parent.hasFiles || here.hasFiles
	}

	if here.pkg == nil && here.parent != nil {
		here.parent.templates = append(here.parent.templates, here.templates...)
		here.parent.nested = append(here.parent.nested, here.nested...)
		here.parent.hasFiles = here.parent.hasFiles || here.hasFiles
		here.templates, here.nested = nil, nil

		return
	}

	if here.parent != nil {
		here.parent.nested = append(here.parent.nested, here.path)
	}
}

var errNotRegular = errors.New("it is not a regular file")

// readEntry is read for an entry of a directory. A pipe or a device would
// make the reader wait.
func (f *files) readEntry(name string, entry fs.DirEntry) ([]byte, error) {
	mode := entry.Type()

	if mode&fs.ModeSymlink != 0 {
		info, err := fs.Stat(f.fsys, name)
		if err != nil {
			return nil, err
		}

		mode = info.Mode()
	}

	if !mode.IsRegular() {
		return nil, errNotRegular
	}

	return f.read(name)
}

// read gives a file of the tree, if it is not too large to be a document.
func (f *files) read(name string) ([]byte, error) {
	file, err := f.fsys.Open(name)
	if err != nil {
		return nil, err
	}

	defer file.Close() //nolint:errcheck // only read

	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))

	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("the file is larger than %d MiB", maxFile>>20)
	default:
		return text, nil
	}
}

// reason is an error of the file system without its path, which the finding
// has already.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file in the tree"
	}

	if errors.Is(err, syscall.ELOOP) {
		return "its symbolic links go round in a circle"
	}

	// The error of package os that says so has no name.
	if strings.Contains(err.Error(), "path escapes") {
		return "it leads out of the tree by a symbolic link"
	}

	if info, ok := errors.AsType[*fs.PathError](err); ok && (errors.Is(err, syscall.EISDIR) || errors.Is(err, fs.ErrInvalid)) && info.Op == "read" {
		return "it is a directory"
	}

	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return "it cannot be read: " + pathErr.Err.Error()
	}

	return err.Error()
}
