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
	if p.tag == "" {
		p.tag = "[" + p.Node.String() + "]"
	}

	n := note{"llb.customname": p.tag + " " + fmt.Sprintf(format, args...)}

	if p.l.opts.Group {
		id := "package " + p.Name + " " + tree.FormatPlatform(p.Platform) + " " + tree.FormatPlatform(p.BuildPlatform)

		return []llb.ConstraintsOpt{n, llb.ProgressGroup(id, p.tag, false)}
	}

	return []llb.ConstraintsOpt{n}
}

// note is llb.WithDescription without a copy of the description for each
// option and operation. It must not be changed, and comes before options that
// add to the description, of which there are none here.
type note map[string]string

// SetConstraintsOption describes an operation.
func (n note) SetConstraintsOption(c *llb.Constraints) { c.Metadata.Description = n }

// SetRunOption describes an instruction.
func (n note) SetRunOption(i *llb.ExecInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetLocalOption describes a directory of the client.
func (n note) SetLocalOption(i *llb.LocalInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetHTTPOption describes a download.
func (n note) SetHTTPOption(i *llb.HTTPInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetImageBlobOption describes a blob.
func (n note) SetImageBlobOption(i *llb.ImageBlobInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetImageOption describes an image.
func (n note) SetImageOption(i *llb.ImageInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetGitOption describes a checkout.
func (n note) SetGitOption(i *llb.GitInfo) { n.SetConstraintsOption(&i.Constraints) }

// SetOCILayoutOption describes an image of the client.
func (n note) SetOCILayoutOption(i *llb.OCILayoutInfo) { n.SetConstraintsOption(&i.Constraints) }

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

	start := &pb.Position{Line: int32(from.Line)} //nolint:gosec // files are at most 2 MiB
	end := start

	if to.Line > from.Line {
		end = &pb.Position{Line: int32(to.Line)} //nolint:gosec // as above
	}

	return source.Location([]*pb.Range{{Start: start, End: end}})
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
