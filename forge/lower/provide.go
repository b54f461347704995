package lower

import (
	"slices"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Providers put something else in the place of the inputs that the caller of
// a build otherwise hands to BuildKit: a frontend runs where it has neither a
// store nor the tree's directory. A nil function leaves things as they are. All
// are called from several goroutines; opts name the vertex in the progress.
type Providers struct {
	// Tree gives files of the tree, instead of local "tree".
	Tree func(files Files, opts ...llb.ConstraintsOpt) llb.State
	// URL gives the address to download a source from, with Options.HTTP.
	URL func(url string) string
	// Go gives a GOPROXY file tree of the modules that dir/go.sum names,
	// instead of local "go-…".
	Go func(dir string, goSum []byte, opts ...llb.ConstraintsOpt) llb.State
	// Debian gives the root file system that a lock file pins, instead of an
	// image of OCI store "bootstrap"; lock is relative to the root of the tree.
	Debian func(lock string, platform ocispecs.Platform, opts ...llb.ConstraintsOpt) (llb.State, error)
	// Image gives what stands for an image, and tells whether anything does.
	Image func(ref string, platform ocispecs.Platform) (llb.State, bool, error)
	// Package gives what stands for the output of a package, and tells whether
	// anything does. The package is then built for its further outputs only.
	Package func(name string, platform ocispecs.Platform) (llb.State, bool, error)
}

// Files are a part of the tree: what the patterns of Include, or all if there
// are none, let through, without what those of Exclude match. The patterns are
// those of a .dockerignore, relative to the root of the tree.
type Files struct {
	Include, Exclude []string
	// Hint tells parts apart, so that BuildKit can keep each for the next time.
	Hint string
}

// treeFiles is a part of the tree's files.
func (p *pkg) treeFiles(f Files, named []llb.ConstraintsOpt) llb.State {
	if provide := p.l.opts.Provide.Tree; provide != nil {
		return provide(f, named...)
	}

	opts := append(localOptions(named), llb.ExcludePatterns(f.Exclude), llb.SharedKeyHint(f.Hint))
	if len(f.Include) > 0 {
		opts = append(opts, llb.IncludePatterns(f.Include))
	}

	return llb.Local("tree", opts...)
}

// ignoresCache tells whether the package's instructions run in any case.
func (p *pkg) ignoresCache() bool {
	return p.l.opts.NoCache || slices.Contains(p.l.opts.NoCachePackages, p.Name)
}
