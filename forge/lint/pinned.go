package lint

import (
	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/forge/tree"
)

// pinned tells whether the tree's lock says which digest an image's tag means.
// A lock that can't be read pins nothing: the build says what is wrong with it.
func pinned(t *tree.Tree, text string) bool {
	data, err := t.ReadFile(pins.FileName)
	if err != nil {
		return false
	}

	p, err := pins.Parse(pins.FileName, data)
	if err != nil {
		return false
	}

	ref, err := image.Parse(text)
	if err != nil {
		return false
	}

	_, fixed := p.Image(ref)

	return fixed
}
