package modules

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Base is where the modules of all kernels are.
const Base = "/usr/lib/modules"

// Tree is the directory with the modules of one kernel. It is safe for
// concurrent use.
type Tree struct{ Dir string }

// Running is the tree of the kernel that runs.
func Running() (Tree, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Tree{}, fmt.Errorf("get kernel release: %w", err)
	}

	return Tree{Dir: filepath.Join(Base, unix.ByteSliceToString(name.Release[:]))}, nil
}

// Empty says whether there are no modules that could be loaded.
func (t Tree) Empty() bool {
	info, err := os.Stat(filepath.Join(t.Dir, "modules.dep"))

	return err != nil || info.Size() == 0
}

// Name is the name under which the kernel knows a module, from its path.
func Name(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")

	return normalize(name)
}

// lines calls fn for each line that is not a comment. A file that is not there
// has none.
func (t Tree) lines(name string, fn func(line string) error) error {
	f, err := os.Open(filepath.Join(t.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck

	return scan(f, name, fn)
}

// maxLine is far more than the longest line that depmod writes, in bytes.
const maxLine = 1 << 20

func scan(r io.Reader, name string, fn func(line string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 16<<10), maxLine)

	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}

		if err := fn(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}

	if err := sc.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}

	return nil
}

// aliases returns the names of the modules that answer to each of the names, in
// the order of modules.alias.
func (t Tree) aliases(names []string) (map[string][]string, error) {
	// Patterns name their bus ("pci:...") before the first special sign, so most
	// lines are done with after one look.
	byBus := map[string][]string{}
	for _, n := range names {
		byBus[bus(n)] = append(byBus[bus(n)], n)
	}

	out := map[string][]string{}

	err := t.lines("modules.alias", func(line string) error {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "alias" {
			return fmt.Errorf("want `alias PATTERN MODULE`, got %q", line)
		}

		pattern, module := normalize(f[1]), normalize(f[2])

		candidates := names
		if b := bus(pattern); !strings.ContainsAny(b, `*?[\`) {
			candidates = byBus[b]
		}

		for _, n := range candidates {
			if match(pattern, n) && !slices.Contains(out[n], module) {
				out[n] = append(out[n], module)
			}
		}

		return nil
	})

	return out, err
}

func bus(alias string) string {
	b, _, _ := strings.Cut(alias, ":")

	return b
}

// dependencies reads modules.dep: where each module is, and the names of all
// those that it needs, directly or not, the last of the line first.
func (t Tree) dependencies() (paths map[string]string, needs map[string][]string, err error) {
	paths, needs = map[string]string{}, map[string][]string{}

	err = t.lines("modules.dep", func(line string) error {
		path, rest, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("want `PATH: PATH...`, got %q", line)
		}

		name := Name(path)
		paths[name] = path

		deps := strings.Fields(rest)
		for i, d := range deps {
			deps[i] = Name(d)
		}

		slices.Reverse(deps)
		needs[name] = deps

		return nil
	})

	return paths, needs, err
}

type soft struct{ pre, post []string }

func (t Tree) softdeps() (map[string]soft, error) {
	out := map[string]soft{}

	err := t.lines("modules.softdep", func(line string) error {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "softdep" {
			return fmt.Errorf("want `softdep MODULE pre: MODULE... post: MODULE...`, got %q", line)
		}

		name := normalize(f[1])
		s := out[name]

		var list *[]string

		for _, word := range f[2:] {
			switch {
			case word == "pre:":
				list = &s.pre
			case word == "post:":
				list = &s.post
			case list != nil:
				*list = append(*list, normalize(word))
			}
		}

		out[name] = s

		return nil
	})

	return out, err
}
