package git

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/archive"
)

// archiver writes one archive.
type archiver struct {
	ctx        context.Context //nolint:containedctx // lives as long as one call
	store      *source.Store
	dir        string // for repositories
	out        *archive.Writer
	submodules bool

	repositories, files int
}

// Limits of submodules, which may contain each other.
const (
	maxDepth        = 16
	maxRepositories = 1000
)

// tree writes the files of a repository's commit below prefix, which is empty
// or ends with a slash. address is the permanent one of the repository.
func (a *archiver) tree(r *repository, address, prefix string, depth int) error {
	root, err := r.root()
	if err != nil {
		return err
	}

	w := &walker{archiver: a, repository: r, address: address, prefix: prefix, depth: depth}

	return w.dir(root, "")
}

type walker struct {
	*archiver
	*repository

	address string
	prefix  string
	depth   int
	modules map[string]string // addresses by path; nil until they are needed
	top     []entry
}

func (w *walker) dir(tree, below string) error {
	entries, err := w.entries(tree)
	if err != nil {
		return err
	}

	// Git orders directories as if their names ended with a slash.
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })

	if below == "" {
		w.top = entries
	}

	for i, e := range entries {
		if i > 0 && e.name == entries[i-1].name {
			return w.errorf("tree %s has two entries named %q", tree, e.name)
		}

		if err := w.entry(e, below+e.name); err != nil {
			return err
		}
	}

	return nil
}

func (w *walker) entry(e entry, at string) error {
	name := w.prefix + at

	switch e.mode {
	case modeDir:
		if err := w.out.Dir(name); err != nil {
			return err
		}

		return w.dir(e.object, at+"/")
	case modeSubmodule:
		return w.submodule(e, at)
	case modeLink:
		w.files++

		target, err := w.read(e.object, "blob", maxConfig)
		if err != nil {
			return err
		}

		return w.out.Link(name, string(target))
	default:
		// 100644, and 100664 of old.
		if !strings.HasPrefix(e.mode, "100") {
			return w.errorf("%s has the mode %s, which is not understood", at, e.mode)
		}

		w.files++

		return w.object(e.object, "blob", func(size int64, content io.Reader) error {
			return w.out.File(name, e.mode == modeExec, size, content)
		})
	}
}
