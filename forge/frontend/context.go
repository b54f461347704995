package frontend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"

	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// inFlight is how many questions are put to the builder at a time.
const inFlight = 32

// chunk is how much of a file is asked for at a time, in bytes. A message may
// have 16 MiB.
const chunk = 4 << 20

// documents are the files that the compiler itself reads: their content comes
// along with the names of all files.
var documents = []string{
	pkgtree.RootFile, "**/" + pkgtree.PackageFile, "**/" + pkgtree.VarsFile, "**/*" + pkgtree.TemplateSuffix,
	"**/go.sum", "**/*.lock.yaml", "**/*.patch", "**/*.diff",
}

func isDocument(name string) bool {
	base := path.Base(name)

	if name == pkgtree.RootFile || base == pkgtree.PackageFile || base == pkgtree.VarsFile || base == "go.sum" {
		return true
	}

	for _, suffix := range []string{pkgtree.TemplateSuffix, ".lock.yaml", ".patch", ".diff"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}

	return false
}

// never is what no build takes from a tree; lower leaves it out as well.
var never = []string{"**/.git", "_out"}

// buildContext is the tree: the directory on the client, or whatever else the
// client said.
type buildContext struct {
	client gateway.Client
	// local holds the options of the client's directory, state what stands
	// for it; one of both is set.
	local []llb.LocalOption
	state *llb.State
}

// openContext finds out what the build context is. It is that of
// docker buildx build: a directory of the client, a git repository, an archive
// behind an URL, or an input.
func openContext(ctx context.Context, bc *dockerui.Client) (*buildContext, error) {
	c := bc.GatewayClient()
	opts := c.BuildOpts().Opts

	key := dockerui.DefaultLocalNameContext
	if v := opts["contextkey"]; v != "" {
		key = v
	}

	_, isGit, _ := dockerui.DetectGitContext(opts[key], nil) //nolint:errcheck // MainContext gives it
	_, _, isHTTP := dockerui.DetectHTTPContext(opts[key])
	remote := isGit || isHTTP

	if !remote {
		inputs, err := c.Inputs(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask for the frontend's inputs: %w", err)
		}

		_, remote = inputs[dockerui.DefaultLocalNameContext]
	}

	if remote {
		state, err := bc.MainContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("open the build context: %w", err)
		}

		return &buildContext{client: c, state: state}, nil
	}

	session := c.BuildOpts().SessionID
	if v := opts["local-sessionid:"+dockerui.DefaultLocalNameContext]; v != "" {
		session = v
	}

	return &buildContext{client: c, local: []llb.LocalOption{llb.SessionID(session)}}, nil
}

// files is a part of the context as a state, see lower.Providers.
func (b *buildContext) files(f lower.Files, opts ...llb.ConstraintsOpt) llb.State {
	if b.state != nil {
		return llb.Scratch().File(llb.Copy(*b.state, "/", "/", &llb.CopyInfo{
			CopyDirContentsOnly: true, IncludePatterns: f.Include, ExcludePatterns: f.Exclude,
		}), opts...)
	}

	local := append([]llb.LocalOption{llb.SharedKeyHint("akmon-" + f.Hint), llb.ExcludePatterns(f.Exclude)}, b.local...)
	if len(f.Include) > 0 {
		local = append(local, llb.IncludePatterns(f.Include))
	}

	for _, o := range opts {
		local = append(local, o)
	}

	return llb.Local(dockerui.DefaultLocalNameContext, local...)
}

// open reads the tree's documents. A new builder hands over the names of all
// files with the content of the documents only; an older one transfers the
// whole directory, whose names are asked for level by level.
func (b *buildContext) open(ctx context.Context) (*files, error) {
	caps := b.client.BuildOpts().LLBCaps
	sparse := b.state == nil && caps.Supports(pb.CapSourceMetadataTransfer) == nil

	state := b.state
	if state == nil {
		opts := append([]llb.LocalOption{
			llb.SharedKeyHint("akmon-documents"), llb.ExcludePatterns(never), dockerui.WithInternalName("load the package tree"),
		}, b.local...)

		if sparse {
			opts = append(opts, llb.MetadataOnlyTransfer(documents))
		}

		local := llb.Local(dockerui.DefaultLocalNameContext, opts...)
		state = &local
	}

	ref, err := b.solve(ctx, *state)
	if err != nil {
		return nil, fmt.Errorf("load the package tree: %w", err)
	}

	var listing []*fstypes.Stat

	if sparse {
		var data []byte
		if data, err = readFile(ctx, ref, metadataFile); err == nil {
			listing, err = parseMetadata(data)
		}
	} else {
		listing, err = walk(ctx, ref)
	}

	if err != nil {
		return nil, fmt.Errorf("list the package tree: %w", err)
	}

	read := func(name string) ([]byte, error) { return readFile(ctx, ref, name) }
	if sparse {
		read = func(name string) ([]byte, error) {
			if isDocument(name) {
				return readFile(ctx, ref, name)
			}

			return b.readOne(ctx, name)
		}
	}

	f := newFiles(listing, nil)
	f.content, err = prefetch(ctx, f, read)

	return f, err
}

// readOne reads a file that is not one of the documents.
func (b *buildContext) readOne(ctx context.Context, name string) ([]byte, error) {
	ref, err := b.solve(ctx, b.files(lower.Files{Include: []string{name}, Hint: "file-" + name}, dockerui.WithInternalName("load "+name)))
	if err != nil {
		return nil, err
	}

	return readFile(ctx, ref, name)
}

func (b *buildContext) solve(ctx context.Context, state llb.State) (gateway.Reference, error) {
	def, err := state.Marshal(ctx, llb.LocalUniqueID(b.client.BuildOpts().SessionID))
	if err != nil {
		return nil, err
	}

	result, err := b.client.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}

	ref, err := result.SingleRef()
	if err == nil && ref == nil {
		err = errors.New("the build context is empty")
	}

	return ref, err
}

// prefetch reads all documents, so that the compiler need not wait for each.
func prefetch(ctx context.Context, f *files, read func(string) ([]byte, error)) (func(string) ([]byte, error), error) {
	var (
		mu    sync.Mutex
		known = map[string][]byte{}
	)

	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)

	for name, stat := range f.entries {
		if !isDocument(name) || !fs.FileMode(stat.Mode).IsRegular() || hidden(name) || stat.Size > chunk {
			continue
		}

		group.Go(func() error {
			data, err := read(name)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}

			mu.Lock()
			defer mu.Unlock()

			known[name] = data

			return nil
		})
	}

	if err := group.Wait(); err != nil {
		return nil, err
	}

	return func(name string) ([]byte, error) {
		mu.Lock()
		data, ok := known[name]
		mu.Unlock()

		if ok {
			return data, nil
		}

		return read(name)
	}, nil
}

// hidden tells whether a file is in a directory that no tree looks at.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
}

// readFile reads a file whole, in parts.
func readFile(ctx context.Context, ref gateway.Reference, name string) ([]byte, error) {
	var data []byte

	for {
		part, err := ref.ReadFile(ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: len(data), Length: chunk}})
		if err != nil {
			return nil, err
		}

		data = append(data, part...)

		if len(part) < chunk {
			return data, nil
		}
	}
}

// walk lists a directory of the builder with all that is below it: one
// question for each directory, those of one level at the same time.
func walk(ctx context.Context, ref gateway.Reference) ([]*fstypes.Stat, error) {
	var (
		mu      sync.Mutex
		listing []*fstypes.Stat
	)

	for level := []string{"."}; len(level) > 0; {
		var next []string

		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(inFlight)

		for _, dir := range level {
			group.Go(func() error {
				entries, err := ref.ReadDir(ctx, gateway.ReadDirRequest{Path: dir})
				if err != nil {
					return err
				}

				mu.Lock()
				defer mu.Unlock()

				for _, e := range entries {
					name := path.Join(dir, path.Base(e.Path))
					if path.Base(name) == ".git" || name == "_out" {
						continue
					}

					e.Path = name
					listing = append(listing, e)

					if fs.FileMode(e.Mode).IsDir() {
						next = append(next, name)
					}
				}

				return nil
			})
		}

		if err := group.Wait(); err != nil {
			return nil, err
		}

		level = next
	}

	return listing, nil
}
