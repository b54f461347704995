package lower

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// named is how a vertex of the package shows in the progress: `[musl] what`.
func (p *pkg) named(format string, args ...any) []llb.ConstraintsOpt {
	tag := "[" + p.Node.String() + "]"
	opts := []llb.ConstraintsOpt{llb.WithCustomName(tag + " " + fmt.Sprintf(format, args...))}

	if p.l.opts.Group {
		id := "package " + p.Name + " " + tree.FormatPlatform(p.Platform) + " " + tree.FormatPlatform(p.BuildPlatform)
		opts = append(opts, llb.ProgressGroup(id, tag, false))
	}

	return opts
}

// runOptions are named's, for an instruction.
func (p *pkg) runOptions(format string, args ...any) []llb.RunOption {
	named := p.named(format, args...)
	opts := make([]llb.RunOption, 0, len(named)+1)

	for _, o := range named {
		opts = append(opts, o)
	}

	if p.ignoresCache() {
		opts = append(opts, llb.IgnoreCache)
	}

	return opts
}

// location ties a vertex to lines of the recipe, or of the reusable step that
// it comes from, which BuildKit prints when it fails.
func (p *pkg) location(from, to pkgtree.Position) llb.ConstraintsOpt {
	if from.Line == 0 {
		return noConstraint()
	}

	source := p.source
	if from.Root {
		source = p.l.sources[p.Tree.RootFile]
	}

	return source.Location([]*pb.Range{{
		Start: &pb.Position{Line: int32(from.Line)},               //nolint:gosec // files are at most 2 MiB
		End:   &pb.Position{Line: int32(max(from.Line, to.Line))}, //nolint:gosec // as above
	}})
}

// noConstraint changes nothing.
func noConstraint() llb.ConstraintsOpt {
	var none *llb.SourceMap

	return none.Location(nil)
}

// shown is the first line of a script that says something, cut short.
func shown(script string) string {
	const limit = 60

	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		if runes := []rune(line); len(runes) > limit {
			return string(runes[:limit]) + "…"
		}

		return line
	}

	return ""
}

// rootOwner is the owner of everything that a build puts out.
func rootOwner() *llb.ChownOpt {
	return &llb.ChownOpt{User: &llb.UserOpt{UID: 0}, Group: &llb.UserOpt{UID: 0}}
}

// cutDir gives what of path p lies below dir, "" for dir itself.
func cutDir(p, dir string) (string, bool) {
	clean := path.Join("/", p)
	if clean == dir {
		return "", true
	}

	return strings.CutPrefix(clean, dir+"/")
}

func joinDir(dir, below string) string { return path.Join("/", dir, below) }
