package forge

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/schemas/document"
)

// CheckFrozen makes sure that the locks of a graph's packages fix all that
// their recipes leave open. The error is a document.Errors with the place of
// each thing that they do not; it needs no network.
func CheckFrozen(g *graph.Graph) error {
	set, err := lower.Inputs(g, targetNames(g)...)
	if err != nil {
		return err
	}

	return checkFrozen(g, set)
}

func checkFrozen(g *graph.Graph, set *lower.InputSet) error {
	var errs document.Errors

	pinned, err := pins.Load(g.Tree.Dir())
	if err != nil {
		return err
	}

	for _, w := range set.Images {
		if ref, fixed, err := reference(w, pinned); err != nil {
			errs = append(errs, document.Join(w.Ref, err)...)
		} else if !fixed {
			e := w.Errorf("%s is not pinned in %s", ref, pins.FileName)
			e.Hint = "run `akmon lock`"
			errs = append(errs, e)
		}
	}

	var checked []string

	for _, w := range set.Debian {
		if slices.Contains(checked, w.Lock) {
			continue
		}

		checked = append(checked, w.Lock)

		if err := freshLock(g, w); err != nil {
			errs = append(errs, document.Join(w.Lock, err)...)
		}
	}

	for _, e := range errs {
		if e.Hint == "" {
			e.Hint = "run `akmon lock`"
		}
	}

	return errs.OrNil()
}

// freshLock compares a userland's lock with its wishes, where there are any.
func freshLock(g *graph.Graph, w lower.DebianInput) error {
	lock, _, err := locked(g, w)
	if err != nil {
		return err
	}

	base, ok := strings.CutSuffix(w.Lock, lockSuffix)
	if !ok {
		return nil
	}

	spec := filepath.Join(g.Tree.Dir(), base+specSuffix)

	text, err := g.Tree.ReadFile(base + specSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("read the wishes of %s: %w", w.Lock, err)
	}

	wishes, err := bootstrap.ParseSpec(spec, text)
	if err != nil {
		return err
	}

	return lock.Stale(wishes)
}
