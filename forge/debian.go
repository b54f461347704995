package forge

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/tree"
)

// readLock reads a lock file of a tree; name is relative to the tree's root. A
// link that leads out of the tree is an error.
func readLock(t *tree.Tree, name string) (*bootstrap.Lock, error) {
	text, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}

	return bootstrap.ParseLock(filepath.Join(t.Dir(), name), text)
}

// inside refuses names, of files that need not be there yet, that links lead
// out of the tree.
func inside(t *tree.Tree, names ...string) error {
	for _, name := range names {
		if _, err := t.ReadFile(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}

	return nil
}
