package lower

import (
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source/debsrc"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// place adds the copy of a git, image or debian source to the action that
// makes the step's directory.
func (p *pkg) place(action *llb.FileAction, step *pkgtree.Step, s *pkgtree.Source) (*llb.FileAction, error) {
	to := path.Join(step.Dir(), s.Destination)
	if strings.HasSuffix(s.Destination, "/") {
		to += "/" // a directory for the one file that is taken
	}

	unpack := &llb.CopyInfo{AttemptUnpack: true, CreateDestPath: true, ChownOpt: rootOwner()}
	files := &llb.CopyInfo{
		CopyDirContentsOnly: true, CreateDestPath: true, ChownOpt: rootOwner(), CreatedTime: &p.l.opts.Epoch,
	}

	if s.Image != "" {
		state, err := p.imageSource(s)
		if err != nil {
			return nil, err
		}

		return action.Copy(state, rootedFrom(s), to, files), nil
	}

	if p.l.opts.HTTP {
		if s.Debian != "" {
			return nil, p.Errorf(s.Pos, "BuildKit itself can't unpack a Debian source package; build with akmon build")
		}

		return action.Copy(p.remoteGit(s), rootedFrom(s), to, files), nil
	}

	archive, name := p.archive(s)

	if rootedFrom(s) == "/" {
		return action.Copy(archive, name, to, unpack), nil
	}

	whole := llb.Scratch().Platform(p.BuildPlatform).File(llb.Copy(archive, name, "/", unpack), p.named("unpack %s", sourceName(s))...)

	return action.Copy(whole, rootedFrom(s), to, files), nil
}

func rootedFrom(s *pkgtree.Source) string { return path.Join("/", s.From) }

// archive is the archive of a git or debian source, and its path: the first is
// known by its sums, the second by what it is made of.
func (p *pkg) archive(s *pkgtree.Source) (llb.State, string) {
	local, key := "source", s.SHA256
	if s.Debian != "" {
		local, key = "made", debsrc.Key(s.SHA256, s.Unpatched)
	}

	return llb.Local(local, append(localOptions(p.named("source %s", sourceName(s))),
		llb.IncludePatterns([]string{key}), llb.SharedKeyHint(local+"-"+key))...), "/" + key
}

// remoteGit makes BuildKit fetch a git source. It checks the commit alone.
func (p *pkg) remoteGit(s *pkgtree.Source) llb.State {
	opts := []llb.GitOption{llb.GitRef(s.Revision())}

	if s.Commit != "" {
		opts = append(opts, llb.GitChecksum(s.Commit))
	}

	if !s.Submodules {
		opts = append(opts, llb.GitSkipSubmodules())
	}

	for _, o := range p.named("fetch %s", sourceName(s)) {
		opts = append(opts, o)
	}

	return llb.Git(s.Git, "", opts...)
}

// imageSource is an image whose files are a source.
func (p *pkg) imageSource(s *pkgtree.Source) (llb.State, error) {
	platform, err := sourcePlatform(p.Platform, s)
	if err != nil {
		return llb.State{}, p.Errorf(s.Pos, "%v", err)
	}

	return p.image(s.Image, platform, p.named("%s", s.Image))
}

// sourcePlatform is what an image source is taken for: what the package is
// for, unless the source says otherwise. Dependencies, which run, are for what
// steps run on.
func sourcePlatform(target ocispecs.Platform, s *pkgtree.Source) (ocispecs.Platform, error) {
	if s.Platform == "" {
		return target, nil
	}

	return tree.ParsePlatform(s.Platform)
}

// sourceName is what progress calls a source.
func sourceName(s *pkgtree.Source) string {
	switch {
	case s.URL != "":
		return s.FileName()
	case s.Git != "":
		revision := s.Revision()
		if s.Commit != "" {
			revision = revision[:12]
		}

		return path.Base(strings.TrimSuffix(s.Git, ".git")) + " " + revision
	case s.Debian != "":
		return path.Base(s.Debian)
	case s.Image != "":
		name, _, _ := strings.Cut(s.Image, "@")

		return name
	default:
		return s.Local
	}
}
