package lower

import (
	"fmt"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// base is what the dependencies are put on.
func (p *pkg) base() (llb.State, error) {
	if p.Tree.VariantOf(p.Package) != pkgtree.Alpine {
		return llb.Scratch(), nil
	}

	image, err := p.image(p.l.opts.AlpineImage, p.BuildPlatform, p.named("base"))
	if err != nil {
		return llb.State{}, err
	}

	bash := image.Platform(p.BuildPlatform).Run(append(p.runOptions("base: add bash"),
		llb.Args([]string{"/sbin/apk", "add", "--no-cache", "bash"}), llb.Network(pb.NetMode_UNSET))...).Root()

	return bash.Run(append(p.runOptions("base: sh is bash"),
		llb.Args([]string{"/bin/ln", "-sf", "/bin/bash", "/bin/sh"}), llb.Network(pb.NetMode_NONE))...).Root(), nil
}

// alpinePackages adds what the recipe's install names.
func (p *pkg) alpinePackages(root llb.State) llb.State {
	if len(p.Install) == 0 {
		return root
	}

	return root.Run(append(p.runOptions("install packages"),
		llb.Args(append([]string{"/sbin/apk", "add", "--no-cache"}, p.Install...)), llb.Network(pb.NetMode_UNSET))...).Root()
}

// dependencies stacks everything that is put into the build on the base.
func (p *pkg) dependencies(base llb.State) (llb.State, error) {
	inputs := p.Inputs()
	stack := make([]llb.State, 0, len(inputs)+1)

	if base.Output() != nil {
		stack = append(stack, base)
	}

	for _, first := range []bool{true, false} {
		for _, e := range inputs {
			if isFloor(e) != first {
				continue
			}

			state, err := p.dependency(e)
			if err != nil {
				return llb.State{}, err
			}

			// What is empty changes nothing.
			if state.Output() != nil {
				stack = append(stack, state)
			}
		}
	}

	if len(stack) == 0 {
		return llb.Scratch(), nil
	}

	// The metadata of the first state must not reach into this package.
	return llb.Scratch().WithOutput(llb.Merge(stack, p.named("dependencies")...).Output()), nil
}

// isFloor tells whether a dependency is a whole Debian root file system, be it
// by way of packages that hand it on.
func isFloor(e graph.Edge) bool {
	switch {
	case e.Source() != "/" || e.Target() != "/":
		return false
	case e.Node == nil:
		return e.Debian != ""
	default:
		return passesThrough(e.Node) && slices.ContainsFunc(e.Node.Edges, isFloor)
	}
}

func (p *pkg) dependency(e graph.Edge) (llb.State, error) {
	var (
		state llb.State
		name  string
	)

	switch {
	case e.Node != nil:
		var err error
		if state, err = p.l.wait(e.Node); err != nil {
			return llb.State{}, errNeeded
		}

		name = e.Node.String()
	case e.Debian != "" && p.l.opts.Provide.Debian != nil:
		var err error

		name = e.Lock()
		if state, err = p.l.opts.Provide.Debian(name, e.Platform, p.named("%s", name)...); err != nil {
			return llb.State{}, e.Owner.Errorf(e.Pos, "%v", err)
		}
	case e.Debian != "":
		if p.l.opts.Debian == nil {
			return llb.State{}, e.Owner.Errorf(e.Pos, "there is nothing to assemble Debian root file systems with")
		}

		ref, err := p.l.opts.Debian(e.Lock(), e.Platform)
		if err != nil {
			return llb.State{}, fmt.Errorf("root file system of %s: %w", e.Lock(), err)
		}

		name = e.Lock()
		state = llb.OCILayout(ref, append(layoutOptions(p.named("%s", name)),
			llb.OCIStore("", "bootstrap"), llb.Platform(e.Platform))...)
	default:
		name = e.Image

		var err error
		if state, err = p.image(name, e.Platform, p.named("%s", name)); err != nil {
			return llb.State{}, err
		}
	}

	if state.Output() == nil || e.Source() == "/" && e.Target() == "/" {
		return state, nil
	}

	info := &llb.CopyInfo{CopyDirContentsOnly: true, CreateDestPath: true, FollowSymlinks: true}

	return llb.Scratch().Platform(p.BuildPlatform).File(llb.Copy(state, e.Source(), e.Target(), info),
		append(p.named("%s: %s → %s", name, e.Source(), e.Target()), p.locationIn(e.Owner, e.Pos))...), nil
}

// locationIn is location for a dependency that may stand in another recipe.
func (p *pkg) locationIn(owner *graph.Node, pos pkgtree.Position) llb.ConstraintsOpt {
	if owner == p.Node {
		return p.location(pos, pos)
	}

	return noConstraint()
}

func imageOptions(opts []llb.ConstraintsOpt) []llb.ImageOption {
	converted := make([]llb.ImageOption, len(opts))
	for i, o := range opts {
		converted[i] = o
	}

	return converted
}

func layoutOptions(opts []llb.ConstraintsOpt) []llb.OCILayoutOption {
	converted := make([]llb.OCILayoutOption, len(opts))
	for i, o := range opts {
		converted[i] = o
	}

	return converted
}

func localOptions(opts []llb.ConstraintsOpt) []llb.LocalOption {
	converted := make([]llb.LocalOption, len(opts))
	for i, o := range opts {
		converted[i] = o
	}

	return converted
}
