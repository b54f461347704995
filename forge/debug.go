package forge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
)

// Instruction is a command of a recipe that can be entered.
type Instruction struct {
	// Number counts from one, in the order of the recipe.
	Number int `json:"number"`
	// Name is what progress calls it, without the package.
	Name string `json:"name"`
	// File and Line are where it is written.
	File string `json:"file"`
	Line int    `json:"line"`

	digest digest.Digest
}

// Instructions lists the commands of the target, of which there must be one.
func Instructions(ctx context.Context, o Options) ([]Instruction, error) {
	g, err := o.oneTarget()
	if err != nil {
		return nil, err
	}

	lowered, err := lower.Lower(ctx, g, g.Targets[0].Name, lower.Options{
		// Only the instructions are of interest, not what they find.
		Debian: func(string, ocispecs.Platform) (string, error) {
			return "bootstrap.local/none@" + digest.FromString("").String(), nil
		},
	})
	if err != nil {
		return nil, err
	}

	return instructionsOf(lowered.Definition, g.Targets[0])
}

// oneTarget resolves the graph of a single target.
func (o *Options) oneTarget() (*graph.Graph, error) {
	if len(o.Targets) != 1 || len(o.platforms()) != 1 {
		return nil, errors.New("one target and one platform can be entered at a time")
	}

	return o.Graph(o.platforms()[0])
}

// instructionsOf finds the commands of a package in the graph that it was
// lowered to: those that are tied to its recipe. The graph has them in the
// order in which they run.
func instructionsOf(definition *llb.Definition, n *graph.Node) ([]Instruction, error) {
	if recipe := n.RecipeNode(); recipe != nil {
		n = recipe // which makes the output
	}

	var list []Instruction

	for _, data := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("read the build of %s: %w", n.Name, err)
		}

		d := digest.FromBytes(data)

		name, own := strings.CutPrefix(definition.Metadata[d].Description["llb.customname"], "["+n.String()+"] ")
		if !own || op.GetExec() == nil {
			continue
		}

		if file, line := locationOf(definition, d); line > 0 {
			list = append(list, Instruction{Number: len(list) + 1, Name: name, File: file, Line: line, digest: d})
		}
	}

	return list, nil
}

func locationOf(definition *llb.Definition, d digest.Digest) (file string, line int) {
	if definition.Source == nil || definition.Source.Locations[d.String()] == nil {
		return "", 0
	}

	for _, at := range definition.Source.Locations[d.String()].Locations {
		if len(at.Ranges) > 0 && at.Ranges[0].Start != nil && int(at.SourceIndex) < len(definition.Source.Infos) {
			return definition.Source.Infos[at.SourceIndex].Filename, int(at.Ranges[0].Start.Line)
		}
	}

	return "", 0
}

// Debug builds the target as far as it takes and runs shell in the file system
// of one of its instructions: that with the given number, or, for 0, of the
// one that fails, be it of another package, or of the last one if none does.
// See engine.Enter for errors. Nothing is written.
func Debug(ctx context.Context, o Options, number int, shell engine.Shell) error {
	g, err := o.oneTarget()
	if err != nil {
		return err
	}

	node := g.Targets[0]

	in, err := o.fetch(ctx, g, false)
	if err != nil {
		return err
	}

	t := &target{name: node.Name}
	if err := t.add(ctx, g, node, in, lower.Options{LocalID: o.localID()}); err != nil {
		return err
	}

	request := t.image

	if request.Attach, err = o.attachables(); err != nil {
		return err
	}

	list, err := instructionsOf(request.Images[0].Definition, node)
	if err != nil {
		return err
	}

	switch {
	case len(list) == 0 && number == 0 && shell.Moment == "":
		// It may be that a package that it needs fails.
	case len(list) == 0:
		return fmt.Errorf("%s runs no commands; name a package that does", node.Name)
	case number < 0 || number > len(list):
		return fmt.Errorf("%s has no step %d; it has %d, see --list", node.Name, number, len(list))
	case number > 0:
		shell.Step = list[number-1].digest
	}

	if len(list) > 0 {
		shell.Last = list[len(list)-1].digest
	}

	o.Engine.Log = func(message string) { o.logf("%s", message) }

	e, err := engine.Open(ctx, o.Engine)
	if err != nil {
		return err
	}

	return errors.Join(o.enter(ctx, e, request, shell), e.Close())
}

// enter shows the progress until the process starts.
func (o *Options) enter(ctx context.Context, e *engine.Engine, request engine.Request, shell engine.Shell) error {
	if o.Log != nil {
		display, err := progress.NewDisplay(o.Log, o.Progress)
		if err != nil {
			return err
		}
		defer display.Close()

		request.Progress = display

		ready := shell.Ready
		shell.Ready = func(step string, moment engine.Moment, failure error) {
			display.Close()

			if ready != nil {
				ready(step, moment, failure)
			}
		}
	}

	return e.Enter(ctx, request, shell)
}
