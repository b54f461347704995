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
	"runtime"
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
	walkErr := f.walk(t.dialect)

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

// visited is a directory that was read, with those below it; without a
// directory, one that has nothing for this tree: it can't be read, or has a
// tree of its own.
type visited struct {
	*directory

	below []*visited // nil for those whose name says that they don't count
	errs  document.Errors
}

// reader reads directories, several at a time.
type reader struct {
	*files

	dialect dialect
	// free has a place for each goroutine that may be begun.
	free chan struct{}
}

// walk reads the whole tree. It gives every error that it meets.
func (f *files) walk(d dialect) error {
	r := reader{files: f, dialect: d, free: make(chan struct{}, runtime.GOMAXPROCS(0))}

	return r.assemble(r.visit("."), nil).OrNil()
}

// visit reads a directory and what is below it.
func (r *reader) visit(dir string) *visited {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		return &visited{errs: document.Errors{{File: r.name(dir), Message: reason(err)}}}
	}

	v := &visited{directory: &directory{path: dir}}

	subdirs, own := r.entries(v, entries)
	if own {
		return &visited{}
	}

	v.below = make([]*visited, len(subdirs))

	var wait sync.WaitGroup

	for i, name := range subdirs {
		if r.dialect.cross && (strings.HasPrefix(name, "_") || name == "testdata") || name == "_out" {
			v.hasFiles = v.hasFiles || name != "_out"

			continue
		}

		select {
		case r.free <- struct{}{}:
			wait.Go(func() {
				v.below[i] = r.visit(path.Join(dir, name))
				<-r.free
			})
		default:
			v.below[i] = r.visit(path.Join(dir, name))
		}
	}

	wait.Wait()

	return v
}

// entries reads the documents of a directory. It gives the names of the
// directories in it, and whether it is a tree of its own.
func (r *reader) entries(v *visited, entries []fs.DirEntry) (subdirs []string, own bool) {
	read := func(entry fs.DirEntry) []byte {
		name := path.Join(v.path, entry.Name())

		text, err := r.readEntry(name, entry)
		if err != nil {
			v.errs = append(v.errs, &document.Error{File: r.name(name), Message: reason(err)})
		}

		return text
	}

	for _, entry := range entries {
		name := entry.Name()

		switch {
		case strings.HasPrefix(name, "."):
		case entry.IsDir() && (name == pkgtree.PackageFile || name == pkgtree.VarsFile):
			v.errs = append(v.errs, &document.Error{File: r.name(path.Join(v.path, name)), Message: "a directory has the name of a document"})
		case entry.IsDir():
			subdirs = append(subdirs, name)
		case name == pkgtree.RootFile && v.path != "." && r.dialect.cross:
			return nil, true
		case name == pkgtree.RootFile && v.path == ".":
		case name == pkgtree.PackageFile:
			if v.path != "." || !r.dialect.cross {
				v.pkg = read(entry)
			}
		case name == pkgtree.VarsFile:
			v.vars = read(entry)
			v.unread = len(v.errs) > 0
		case strings.HasSuffix(name, pkgtree.TemplateSuffix):
			v.hasFiles = true
			v.templates = append(v.templates, path.Join(v.path, name))
		default:
			v.hasFiles = true
		}
	}

	own = r.dialect.cross && v.path != "." && bytes.Contains(v.pkg, []byte("format")) && ownRoot.Match(v.pkg)

	return subdirs, own
}

// assemble makes the list of directories: parents before children, in order
// of name. It does not depend on what was read first.
func (r *reader) assemble(v *visited, parent *directory) document.Errors {
	errs := v.errs

	if v.directory == nil {
		return errs
	}

	v.parent = parent
	index := len(r.dirs)
	r.dirs = append(r.dirs, v.directory)

	for _, below := range v.below {
		if below == nil {
			continue
		}

		// To this tree they are files.
		v.hasFiles = v.hasFiles || below.directory == nil

		errs = append(errs, r.assemble(below, v.directory)...)
	}

	r.settle(index, r.dialect)

	return errs
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

	text, err := readAll(file)

	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("the file is larger than %d MiB", maxFile>>20)
	default:
		return text, nil
	}
}

// readAll reads a file, up to a byte more than is allowed.
func readAll(file fs.File) ([]byte, error) {
	// The size is a hint that saves copying: what is read counts.
	size := int64(0)
	if info, err := file.Stat(); err == nil {
		size = min(info.Size(), maxFile)
	}

	in := io.LimitReader(file, maxFile+1)
	text := make([]byte, size+1)

	n, err := io.ReadFull(in, text)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return text[:n:n], nil
	}

	if err != nil {
		return nil, err
	}

	rest, err := io.ReadAll(in)

	return append(text, rest...), err
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
