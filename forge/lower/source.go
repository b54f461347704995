package lower

import (
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"
	digest "github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// sources makes the step's directory and puts its sources there: one layer.
// Module proxies are too large for that; they are mounted, and the environment
// says where.
func (p *pkg) sources(root llb.State, s *pkgtree.Step) (_ llb.State, mounts []llb.RunOption, env [][2]string, err error) {
	var proxies, names []string

	created := llb.WithCreatedTime(p.l.opts.Epoch)
	action := llb.Mkdir(s.Dir(), 0o755, llb.WithParents(true), created)
	from := s.Pos

	for i := range s.Sources {
		source := &s.Sources[i]

		switch {
		case source.URL != "":
			file, name := p.urlSource(source)
			names = append(names, source.FileName())
			action = action.Copy(file, name, path.Join(s.Dir(), source.FileName()), &llb.CopyInfo{
				CreateDestPath: true, ChownOpt: rootOwner(), Mode: &llb.ChmodOpt{Mode: 0o644}, CreatedTime: &p.l.opts.Epoch,
			})
		case source.Git != "" || source.Image != "" || source.Debian != "":
			names = append(names, sourceName(source))

			if action, err = p.place(action, s, source); err != nil {
				return root, nil, nil, err
			}
		case source.Local != "":
			names = append(names, source.Local)
			action = action.Copy(p.localSource(source), path.Join("/", source.Local), path.Join(s.Dir(), source.Destination), &llb.CopyInfo{
				CopyDirContentsOnly: true, CreateDestPath: true, ChownOpt: rootOwner(), CreatedTime: &p.l.opts.Epoch,
			})
		case source.Go != "":
			dir := pkgtree.DefaultGoProxy
			if path.IsAbs(source.Destination) {
				dir = path.Clean(source.Destination)
			} else if source.Destination != "" {
				dir = path.Join(s.Dir(), source.Destination)
			}

			proxies = append(proxies, "file://"+dir)
			mounts = append(mounts, &mount{target: dir, source: p.goSource(source).Output(), readonly: true})
		}
	}

	if len(proxies) > 0 {
		env = [][2]string{{"GOPROXY", strings.Join(proxies, ",")}, {"GOSUMDB", "off"}}
	}

	name := "directory " + s.Dir()
	if len(names) > 0 {
		name = "sources: " + strings.Join(names, ", ")
	}

	return root.File(action, append(p.named("%s", name), p.location(from, from))...), mounts, env, nil
}

// urlSource is the file of a URL source, and its path.
func (p *pkg) urlSource(s *pkgtree.Source) (llb.State, string) {
	if p.l.opts.HTTP {
		name := path.Base(s.FileName())
		opts := []llb.HTTPOption{
			llb.Checksum(digest.NewDigestFromEncoded(digest.SHA256, s.SHA256)), llb.Filename(name), llb.Chmod(0o644),
		}

		for _, o := range p.named("download %s", s.URL) {
			opts = append(opts, o)
		}

		url := s.URL
		if p.l.opts.Provide.URL != nil {
			url = p.l.opts.Provide.URL(url)
		}

		return llb.HTTP(url, opts...), "/" + name
	}

	return llb.Local("source", append(localOptions(p.named("source %s", s.FileName())),
		llb.IncludePatterns([]string{s.SHA256}), llb.SharedKeyHint("source-"+s.SHA256))...), "/" + s.SHA256
}

// localSource is a directory of the tree, as far as the patterns let through.
func (p *pkg) localSource(s *pkgtree.Source) llb.State {
	dir := path.Clean(s.Local)

	inside := func(pattern string) string {
		if dir == "." {
			return pattern
		}

		return escapePattern(dir) + "/" + pattern
	}

	var include []string

	for _, pattern := range s.Include {
		include = append(include, inside(pattern))
	}

	if len(include) == 0 && dir != "." {
		include = []string{escapePattern(dir)}
	}

	exclude := []string{"**/.git", "_out"}
	for _, pattern := range s.Exclude {
		exclude = append(exclude, inside(pattern))
	}

	patterns := strings.Join(include, "\x00") + "\x00\x00" + strings.Join(exclude, "\x00")

	return p.local("files of "+dir, "local-"+sha256Hex([]byte(patterns)), include, exclude)
}

func (p *pkg) goSource(s *pkgtree.Source) llb.State {
	goSum := p.Tree.GoSum(s.Go)
	named := p.named("modules of %s", path.Join(s.Go, "go.sum"))

	if provide := p.l.opts.Provide.Go; provide != nil {
		return provide(s.Go, goSum, named...)
	}

	name := "go-" + sha256Hex(goSum)

	return llb.Local(name, append(localOptions(named), llb.SharedKeyHint(name))...)
}
