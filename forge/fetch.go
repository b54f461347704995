package forge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Fetch brings all that the targets need into the store, without building:
// sources, Go modules, the packages of bootstrap userlands, base images. A
// build that is offline then needs no network.
func Fetch(ctx context.Context, o Options) error {
	done, err := o.useStore(ctx)
	if err != nil {
		return err
	}
	defer done()

	for _, platform := range o.platforms() {
		g, err := o.Graph(platform)
		if err != nil {
			return err
		}

		if _, err := o.fetch(ctx, g, true); err != nil {
			return err
		}
	}

	return nil
}

// useStore keeps the store's files from being collected until done is called,
// and removes what killed processes left in it and beside it.
func (o *Options) useStore(ctx context.Context) (done func(), err error) {
	store, err := source.Open(o.Store, source.Options{Offline: true})
	if err != nil {
		return nil, err
	}

	if done, err = store.Use(ctx); err != nil {
		return nil, err
	}

	cache, err := bootstrapCache()
	if err == nil {
		err = errors.Join(store.Sweep(), bootstrap.Sweep(cache))
	}

	if err != nil {
		done()

		return nil, err
	}

	return done, nil
}

// inputs lists what the graph's targets need, after the checks that come
// before anything is fetched.
func (o *Options) inputs(g *graph.Graph) (*lower.InputSet, error) {
	set, err := lower.Inputs(g, targetNames(g)...)
	if err != nil {
		return nil, err
	}

	if o.Frozen {
		if err := checkFrozen(g, set); err != nil {
			return nil, err
		}
	}

	if o.Offline {
		return set, refuseAlpine(g)
	}

	return set, nil
}

// refuseAlpine refuses packages that no store can hold all of: those of Alpine
// Linux are installed by its own package manager, over the network.
func refuseAlpine(g *graph.Graph) error {
	var errs document.Errors

	for _, n := range g.Packages() {
		if n.Recipe == nil && n.Tree.VariantOf(n.Package) == pkgtree.Alpine {
			errs = append(errs, n.Errorf(n.NamePos, "the alpine variant of %s installs packages over the network, and the build is offline", n.Name))
		}
	}

	return errs.OrNil()
}

// MissingError says what an offline build lacks, and how to get it.
type MissingError struct {
	// Command is the `akmon fetch` that brings it into the store.
	Command string
	Err     error
}

// shown is how many missing files are listed: a go.sum may name a thousand.
const shown = 20

// Error lists what is missing, and the command.
func (e *MissingError) Error() string {
	lines := strings.Split(e.Err.Error(), "\n")
	if more := len(lines) - shown; more > 0 {
		lines = append(lines[:shown], fmt.Sprintf("and %d more", more))
	}

	return strings.Join(lines, "\n") + "\nwhere there is a network, fetch it: " + e.Command
}

// Unwrap gives the errors of the missing files.
func (e *MissingError) Unwrap() error { return e.Err }

// explainOffline adds to what an offline build lacks how to get it.
func (o *Options) explainOffline(err error) error {
	missing := new(source.FetchError)
	if err == nil || !errors.As(err, &missing) || !missing.Offline {
		return err
	}

	return &MissingError{Command: o.FetchCommand(), Err: err}
}

// FetchCommand is what to type to fetch what these options build.
func (o Options) FetchCommand() string {
	words := append([]string{"akmon", "fetch"}, o.Targets...)

	if o.Dir != "" && o.Dir != "." {
		words = append(words, "-C", o.Dir)
	}

	for _, p := range o.Platforms {
		words = append(words, "--platform", tree.FormatPlatform(p))
	}

	var names []string
	for name := range o.Args {
		names = append(names, name)
	}

	slices.Sort(names)

	for _, name := range names {
		words = append(words, "--set", name+"="+o.Args[name])
	}

	if o.Store != "" {
		words = append(words, "--store", o.Store)
	}

	for i, word := range words {
		if strings.ContainsAny(word, " \t\n\"'\\$&|;<>()*?[]#~`!{}") {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}

	return strings.Join(words, " ")
}
