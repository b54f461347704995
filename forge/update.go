package forge

import (
	"context"
	"errors"

	"github.com/akmon-os/akmon/forge/update"
)

// Update asks for newer versions of what the tree builds, and with write puts
// them into its documents.
func Update(ctx context.Context, o Options, write bool) ([]update.Result, error) {
	if o.Offline {
		return nil, errors.New("looking for newer versions needs the network")
	}

	store, _, err := o.openStore()
	if err != nil {
		return nil, err
	}

	return update.Run(ctx, update.Options{
		Dir: o.Dir, Args: o.Args, Platforms: o.Platforms, Targets: o.Targets, Store: store, Write: write,
	})
}
