package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Apply applies the patch to the files below root, whose names are those in
// the patch without their first strip parts. The error is an *Error where the
// patch does not fit; files before the one that it names are then changed.
func (p *Patch) Apply(root *os.Root, strip int) error {
	a := applier{patch: p, root: root, strip: strip, original: map[string][]byte{}, written: map[string]bool{}}

	for i := range p.files {
		if err := a.file(&p.files[i]); err != nil {
			return err
		}
	}

	return nil
}

type applier struct {
	patch *Patch
	root  *os.Root
	strip int
	// original is what changed files were before the patch: Git's renames
	// and copies are of that. written are the files that it made or changed.
	original map[string][]byte
	written  map[string]bool
}

func (a *applier) fail(line int, format string, args ...any) error {
	return &Error{Name: a.patch.Name, Line: line, Reason: fmt.Sprintf(format, args...)}
}

func (a *applier) file(f *file) error {
	if strings.HasPrefix(f.mode, "12") || strings.HasPrefix(f.mode, "16") {
		return a.fail(f.line, "only regular files can be patched")
	}

	from, to, err := a.names(f)
	if err != nil {
		return err
	}

	content, exists, err := a.read(from, f.moves)
	if err != nil {
		return a.fail(f.line, "read %s: %v", from, err)
	}

	creates := f.creates || f.old == ""

	switch {
	case creates && exists && len(content) > 0:
		return a.fail(f.line, "%s exists already", from)
	case !creates && !exists && !addsOnly(f):
		return a.fail(f.line, "there is no file %s", from)
	}

	result, err := a.hunks(f, from, content)
	if err != nil {
		return err
	}

	if err := a.write(f, from, to, result, exists); err != nil {
		return a.fail(f.line, "write %s: %v", to, err)
	}

	return nil
}

// addsOnly tells whether the file need not exist: the only hunk adds to what
// is empty.
func addsOnly(f *file) bool {
	return len(f.hunks) == 1 && len(f.hunks[0].before) == 0 && f.hunks[0].oldStart == 0
}

// names decides which file is read and which is written. Of the two names of
// an ordinary diff, the one that exists is meant.
func (a *applier) names(f *file) (from, to string, err error) {
	var old, updated string

	for _, n := range []struct {
		name string
		into *string
	}{{f.old, &old}, {f.new, &updated}} {
		if n.name == "" {
			continue
		}

		local, ok := strip(n.name, a.strip)
		if !ok {
			return "", "", a.fail(f.line, "%q without its first %d parts is not a name below the directory", n.name, a.strip)
		}

		*n.into = local
	}

	switch {
	case old == "" && updated == "":
		return "", "", a.fail(f.line, "the patch names no file")
	case f.moves:
		return old, updated, nil
	case updated == "":
		return old, old, nil
	case old == "" || old == updated:
		return updated, updated, nil
	}

	if _, err := a.root.Lstat(updated); err != nil {
		if _, err := a.root.Lstat(old); err == nil {
			return old, old, nil
		}
	}

	return updated, updated, nil
}

func (a *applier) read(name string, before bool) (content []byte, exists bool, err error) {
	if content, ok := a.original[name]; ok && before {
		return content, true, nil
	}

	info, err := a.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}

	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}

	if err != nil {
		return nil, false, err
	}

	content, err = a.root.ReadFile(name)

	return content, true, err
}

func (a *applier) write(f *file, from, to string, result []byte, exists bool) error {
	if before, ok, err := a.read(to, false); err == nil && ok && a.original[to] == nil {
		a.original[to] = before
	}

	mode := fs.FileMode(0o644)

	if info, err := a.root.Lstat(from); err == nil && exists {
		mode = info.Mode().Perm()
	}

	switch f.mode {
	case "100755":
		mode = 0o755
	case "100644":
		mode = 0o644
	}

	if f.moves && !f.copies && !a.written[from] {
		if before, ok, err := a.read(from, false); err == nil && ok {
			a.original[from] = before
		}

		if err := a.remove(from); err != nil {
			return err
		}
	}

	if len(result) == 0 || f.deletes {
		if len(result) > 0 {
			return errors.New("the patch removes the file, but not all that is in it")
		}

		return a.remove(to)
	}

	a.written[to] = true

	if err := a.root.MkdirAll(path.Dir(to), 0o755); err != nil {
		return err
	}

	if err := a.root.WriteFile(to, result, mode); err != nil {
		return err
	}

	return a.root.Chmod(to, mode)
}

// remove removes a file and the directories that it was the last in.
func (a *applier) remove(name string) error {
	if err := a.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if a.root.Remove(dir) != nil {
			return nil
		}
	}

	return nil
}
