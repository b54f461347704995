package forge

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
)

// Valid says how much of a tree has been checked.
type Valid struct {
	Platform ocispecs.Platform
	// Packages is how many packages there are.
	Packages int
}

// Validate checks every document of the tree for each platform: the recipes
// and what they refer to, the lock files of bootstrap userlands, and the
// documents that those are made from; with Frozen, that the locks fix all that
// the recipes leave open. The error has every finding of all platforms, each once.
func Validate(o Options) ([]Valid, error) {
	var (
		all   document.Errors
		valid []Valid
	)

	for _, platform := range o.platforms() {
		t, found, err := tree.Inspect(tree.Options{Dir: o.Dir, Args: maps.Clone(o.Args), Platform: platform})
		if err != nil {
			return nil, err
		}

		if len(found) > 0 {
			found = append(found, graph.Findings(t)...)
		} else if _, err := graph.Resolve(t, nil); err != nil {
			found = document.Join(t.RootFile, err)
		}

		found = append(found, checkLocks(t)...)
		all = append(all, unlike(all, found)...)
		valid = append(valid, Valid{platform, len(t.Packages)})
	}

	if err := all.Unique().OrNil(); err != nil {
		return nil, err
	}

	if !o.Frozen {
		return valid, nil
	}

	for _, v := range valid {
		g, err := o.Graph(v.Platform)
		if err != nil {
			return nil, err
		}

		if err := CheckFrozen(g); err != nil {
			return nil, err
		}
	}

	return valid, nil
}

// unlike leaves out the cycles that have been found for another platform: they
// name the platform of each package.
func unlike(known, found document.Errors) document.Errors {
	return slices.DeleteFunc(found, func(e *document.Error) bool {
		what, _, _ := strings.Cut(e.Message, ": ")

		return slices.ContainsFunc(known, func(k *document.Error) bool {
			return k.File == e.File && k.Line == e.Line && k.Column == e.Column && strings.HasPrefix(k.Message, what+": ")
		})
	})
}

// checkLocks reads the tree's lock of images, the lock files that recipes name,
// and the documents that these are made from.
func checkLocks(t *tree.Tree) document.Errors {
	_, errs := checkDocument(t, pins.FileName, func(name string, data []byte) error {
		_, err := pins.Parse(name, data)

		return err
	})

	for _, name := range t.Names() {
		p := t.Packages[name]

		for i := range p.Dependencies {
			d := &p.Dependencies[i]
			if d.Debian == "" || path.IsAbs(d.Debian) || !fs.ValidPath(p.Path(d.Debian)) {
				continue
			}

			file := p.Path(d.Debian)

			missing, found := checkDocument(t, file, func(name string, data []byte) error {
				_, err := bootstrap.ParseLock(name, data)

				return err
			})
			if missing {
				e := p.Errorf(d.Pos, "lock file %s: there is no such file in the tree", d.Debian)
				e.Hint = "`akmon lock` makes it"
				found = document.Errors{e}
			}

			errs = append(errs, found...)

			// A lock may be handed on without what it was made from.
			if base, ok := strings.CutSuffix(file, lockSuffix); ok {
				_, found := checkDocument(t, base+specSuffix, func(name string, data []byte) error {
					_, err := bootstrap.ParseSpec(name, data)

					return err
				})
				errs = append(errs, found...)
			}
		}
	}

	return errs
}

// checkDocument reads a document of the tree; missing tells that there is none.
func checkDocument(t *tree.Tree, file string, parse func(name string, data []byte) error) (missing bool, found document.Errors) {
	data, err := t.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}

	name := filepath.Join(t.Dir(), filepath.FromSlash(file))
	if err == nil {
		err = parse(name, data)
	}

	return false, document.Join(name, err)
}
