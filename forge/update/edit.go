package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// update writes the newer version of an item, or says why it can't.
func (r *run) update(ctx context.Context, i *item) {
	next := maps.Clone(r.changed)

	trees, err := r.apply(ctx, i, next)
	if err != nil {
		i.State, i.Reason = Failed, err.Error()

		return
	}

	for _, file := range slices.Sorted(maps.Keys(next)) {
		if !bytes.Equal(next[file], r.changed[file]) {
			i.Changed = append(i.Changed, r.name(file))
		}
	}

	r.changed, r.trees, i.State = next, trees, Written
}

// apply makes the changes of one item in next, and gives the trees with them.
func (r *run) apply(ctx context.Context, i *item, next map[string][]byte) ([]*tree.Tree, error) {
	from, to := i.subject.current, i.newest

	if err := r.edit(next, i.path, func(number int, line string) string {
		if number == i.Line {
			return strings.Replace(line, i.raw, strings.Replace(i.raw, from, to, 1), 1)
		}

		return line
	}); err != nil {
		return nil, err
	}

	if i.pkg != nil {
		if err := r.literals(next, i.pkg, from, to); err != nil {
			return nil, err
		}
	}

	trees, err := r.load(next)
	if err != nil {
		return nil, fmt.Errorf("with %s the tree is wrong: %w", to, err)
	}

	before, after := r.all(r.trees), r.all(trees)
	moved := 0

	for key, s := range after {
		if was, ok := before[key]; !ok || was.URL == s.URL {
			continue
		} else if err := r.replaceSums(ctx, next, s, was); err != nil {
			return nil, err
		}

		moved++
	}

	if moved == 0 && (i.pkg == nil || len(i.subject.files) > 0) {
		return nil, errors.New("no source has another URL with that version: change the recipe by hand")
	}

	if trees, err = r.load(next); err != nil {
		return nil, fmt.Errorf("with %s the tree is wrong: %w", to, err)
	}

	for key, s := range r.all(trees) {
		was, want := before[key], r.sums[s.URL]

		switch {
		case was.Source == nil:
			return nil, fmt.Errorf("with %s the package %s has other sources than before", to, s.pkg.Name)
		case i.pkg != nil && s.pkg.Name == i.pkg.Name && was.URL == s.URL && strings.Contains(s.URL, from):
			return nil, fmt.Errorf("%s: %s still has the version %s", s.pkg.File, s.URL, from)
		case was.URL == s.URL && (was.SHA256 != s.SHA256 || was.SHA512 != s.SHA512):
			return nil, fmt.Errorf("%s: the sums of %s change, too", s.pkg.File, s.URL)
		case was.URL != s.URL && (s.SHA256 != want.SHA256 || s.SHA512 != want.SHA512):
			return nil, fmt.Errorf("%s: the sums of %s are not written where they could be changed", s.pkg.File, s.URL)
		}
	}

	return trees, nil
}

// placed is a source and the package that has it.
type placed struct {
	*pkgtree.Source

	pkg *tree.Package
}

// all are the sources of all packages on all platforms, by where they are.
func (r *run) all(trees []*tree.Tree) map[string]placed {
	found := map[string]placed{}

	for n, t := range trees {
		for _, name := range t.Names() {
			number := 0

			for s := range sources(t.Packages[name]) {
				found[fmt.Sprint(n, " ", name, " ", number)] = placed{s, t.Packages[name]}
				number++
			}
		}
	}

	return found
}

// edit changes the lines of a document.
func (r *run) edit(next map[string][]byte, file string, change func(number int, line string) string) error {
	text, err := r.read(next, file)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.name(file), err)
	}

	var out strings.Builder

	number := 0

	for line := range strings.Lines(string(text)) {
		number++

		out.WriteString(change(number, line))
	}

	if out.String() != string(text) {
		next[file] = []byte(out.String())
	}

	return nil
}

var template = regexp.MustCompile(`\{\{.*?\}\}`)

// outside applies change to what stands around the templates of a line.
func outside(line string, change func(string) string) string {
	var out strings.Builder

	for {
		at := template.FindStringIndex(line)
		if at == nil {
			return out.String() + change(line)
		}

		out.WriteString(change(line[:at[0]]) + line[at[0]:at[1]])
		line = line[at[1]:]
	}
}

// literals changes a version that is written out in the URLs of a recipe, and
// the names of their files wherever the recipe has them.
func (r *run) literals(next map[string][]byte, p *tree.Package, from, to string) error {
	lines := map[int]bool{}
	files := map[string]string{}

	for _, t := range r.trees { // URLs may differ between platforms
		for s := range sources(t.Packages[p.Name]) {
			if !strings.Contains(s.URL, from) {
				continue
			}

			if !s.Pos.Root { // of a reusable step, which is written elsewhere
				lines[s.Pos.Line] = true
			}

			if name := path.Base(s.URL); strings.Contains(name, from) {
				addFile(files, name, from, to)
			}
		}
	}

	oldBranch, newBranch := "/"+branch(from)+"/", "/"+branch(to)+"/"

	return r.edit(next, path.Join(p.Dir, pkgtree.PackageFile), func(number int, line string) string {
		return outside(line, func(text string) string {
			for _, name := range slices.Backward(slices.SortedFunc(maps.Keys(files), func(a, b string) int { return len(a) - len(b) })) {
				text = strings.ReplaceAll(text, name, files[name])
			}

			if lines[number] {
				text = strings.ReplaceAll(text, from, to)
				text = strings.ReplaceAll(text, oldBranch, newBranch)
			}

			return text
		})
	})
}

// addFile notes what a source file is called with another version, with and
// without the suffix that archives have.
func addFile(files map[string]string, name, from, to string) {
	files[name] = strings.ReplaceAll(name, from, to)

	for _, suffix := range []string{".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tgz", ".zip"} {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			files[stem] = strings.ReplaceAll(stem, from, to)
		}
	}
}

// branch is the first two numbers of a version; many hosts have a directory
// for each.
func branch(version string) string {
	parts := strings.SplitN(version, ".", 3)

	return strings.Join(parts[:min(2, len(parts))], ".")
}

// hexadecimal matches sums, each whole.
var hexadecimal = regexp.MustCompile(`[0-9a-f]{64,}`)

// replaceSums downloads a source that has another URL and writes its sums
// where those of the one before are.
func (r *run) replaceSums(ctx context.Context, next map[string][]byte, s, was placed) error {
	meta, known := r.sums[s.URL]
	if !known {
		var err error
		if meta, err = r.download(ctx, s.pkg.Name, s.URL); err != nil {
			return err
		}

		r.sums[s.URL] = meta
	}

	for was, is := range map[string]string{was.SHA256: meta.SHA256, was.SHA512: meta.SHA512} {
		if err := r.replaceSum(next, chain(s.pkg, rootFile(r.fsys)), was, is); err != nil {
			return err
		}
	}

	return nil
}

// replaceSum writes another sum where one is, in the first of the documents
// that has it: the same file may be a source of other packages, too.
func (r *run) replaceSum(next map[string][]byte, files []string, was, is string) error {
	for _, file := range files {
		found := false

		err := r.edit(next, file, func(_ int, line string) string {
			return hexadecimal.ReplaceAllStringFunc(line, func(sum string) string {
				if sum != was {
					return sum
				}

				found = true

				return is
			})
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}

		if found {
			break
		}
	}

	return nil
}
