package frontend

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	lintreq "github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lint"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// subrequest answers docker buildx build --call and its like; false means that
// a build is wanted.
func (r *request) subrequest(ctx context.Context) (*gateway.Result, bool, error) {
	return r.ui.HandleSubrequest(ctx, dockerui.RequestHandler{
		ListTargets: func(context.Context) (*targets.List, error) { return r.targets() },
		Outline:     func(context.Context) (*outline.Outline, error) { return r.outline() },
		Lint:        func(context.Context) (*lintreq.LintResults, error) { return r.lint() },
	})
}

// first is the tree for the first platform that is asked for.
func (r *request) first() (*tree.Tree, error) {
	var platform *ocispecs.Platform
	if len(r.ui.TargetPlatforms) > 0 {
		platform = &r.ui.TargetPlatforms[0]
	}

	return r.load(platform)
}

// targets lists all packages.
func (r *request) targets() (*targets.List, error) {
	t, err := r.first()
	if err != nil {
		return nil, err
	}

	// Without a default every package must be named; that is no error here.
	byDefault, _ := defaultTarget(t) //nolint:errcheck // see above

	list := &targets.List{}

	for i, name := range t.Names() {
		p := t.Packages[name]
		list.Targets = append(list.Targets, targets.Target{
			Name: name, Default: name == byDefault, Description: description(p), Location: location(i, p.NamePos, p.NamePos),
		})
		list.Sources = append(list.Sources, p.Raw)
	}

	return list, nil
}

// outline describes one target: the build arguments that templates of it and
// of what it needs look at, and its cache directories.
func (r *request) outline() (*outline.Outline, error) {
	t, err := r.first()
	if err != nil {
		return nil, err
	}

	g, name, err := r.resolve(t)
	if err != nil {
		return nil, err
	}

	o := &outline.Outline{Name: name, Description: description(t.Packages[name])}
	sources := map[string]int{}
	args := map[string]bool{}

	for _, file := range r.templates(g) {
		text, err := readFS(r.files, file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}

		sources[file] = len(o.Sources)
		o.Sources = append(o.Sources, text)

		for _, arg := range arguments(text) {
			if !args[arg.name] {
				args[arg.name] = true
				o.Args = append(o.Args, outline.Arg{
					Name: arg.name, Value: r.ui.BuildArgs[arg.name], Location: location(sources[file], arg.pos, arg.pos),
				})
			}
		}
	}

	slices.SortFunc(o.Args, func(a, b outline.Arg) int { return strings.Compare(a.Name, b.Name) })

	if err := outlineSecrets(o, g, name, sources); err != nil {
		return nil, err
	}

	for _, n := range g.Packages() {
		for _, s := range n.Steps {
			for _, dir := range s.CachePaths {
				o.Cache = append(o.Cache, outline.CacheMount{ID: dir, Location: location(sources[n.File], s.Pos, s.Pos)})
			}
		}
	}

	return o, nil
}

// outlineSecrets adds what steps ask of who builds.
func outlineSecrets(o *outline.Outline, g *graph.Graph, target string, sources map[string]int) error {
	inputs, err := lower.Inputs(g, target)
	if err != nil {
		return err
	}

	at := func(p lower.Place) *pb.Location {
		found := p.Errorf("")
		pos := pkgtree.Position{Line: found.Line}

		return location(sources[found.File], pos, pos)
	}

	for _, s := range inputs.Secrets {
		o.Secrets = append(o.Secrets, outline.Secret{Name: s.ID, Required: !s.Optional, Location: at(s.Place)})
	}

	for _, s := range inputs.SSH {
		o.SSH = append(o.SSH, outline.SSH{Name: s.ID, Required: true, Location: at(s.Place)})
	}

	return nil
}

// templates are the documents that packages of a graph are made of.
func (r *request) templates(g *graph.Graph) []string {
	var names []string

	add := func(name string) {
		if r.files.entries[name] != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}

	for _, root := range []string{pkgtree.RootFile, pkgtree.PackageFile} {
		add(root)
	}

	for _, n := range g.Packages() {
		add(path.Join(n.Dir, pkgtree.PackageFile))

		for _, t := range n.Templates {
			add(path.Join(n.Dir, t.Path) + pkgtree.TemplateSuffix)
		}

		for dir := n.Dir; ; dir = path.Dir(dir) {
			add(path.Join(dir, pkgtree.VarsFile))

			if dir == "." {
				break
			}
		}
	}

	return names
}

// lint gives the findings of all rules. A tree that doesn't load is a finding
// of its own.
func (r *request) lint() (*lintreq.LintResults, error) {
	results := &lintreq.LintResults{}
	sources := map[string]int{}

	source := func(file string, text []byte) int {
		i, known := sources[file]
		if !known {
			i = len(results.Sources)
			sources[file] = i
			results.Sources = append(results.Sources, &pb.SourceInfo{Filename: file, Language: "YAML", Data: text})
		}

		return i
	}

	t, err := r.first()
	if err != nil {
		var found document.Errors
		if !errors.As(err, &found) || len(found) == 0 {
			return nil, err
		}

		text, _ := readFS(r.files, found[0].File) //nolint:errcheck // without it, nothing is shown
		i := source(found[0].File, text)
		pos := pkgtree.Position{Line: found[0].Line, Column: found[0].Column}
		results.Error = &lintreq.BuildError{Message: err.Error(), Location: *location(i, pos, pos)} //nolint:govet // a message's own form

		return results, nil
	}

	raw := map[string][]byte{t.RootFile: t.RootRaw}
	for _, p := range t.Packages {
		raw[p.File] = p.Raw
	}

	for _, f := range lint.Check(t) {
		at := parser.Position{Line: f.Line, Character: max(f.Column-1, 0)}
		results.AddWarning(f.Rule.Name, f.Rule.Description, f.Rule.URL(), f.Message, source(f.File, raw[f.File]), []parser.Range{{Start: at, End: at}})
	}

	return results, nil
}

func location(source int, from, to pkgtree.Position) *pb.Location {
	return &pb.Location{SourceIndex: int32(source), Ranges: []*pb.Range{{ //nolint:gosec // the number of recipes
		Start: &pb.Position{Line: int32(from.Line)}, //nolint:gosec // files are at most 2 MiB
		End:   &pb.Position{Line: int32(to.Line)},   //nolint:gosec // as above
	}}}
}

// description is what a recipe says of its package.
func description(p *tree.Package) string {
	if p.Description != "" {
		return p.Description
	}

	return comment(p.Raw)
}

// comment is the first sentence of the comment that a recipe begins with.
func comment(raw []byte) string {
	var words []string

	for line := range strings.Lines(string(raw)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}

		// What editors and linters read is not for people.
		if text = strings.TrimSpace(text); text == "" && len(words) > 0 {
			break
		} else if text != "" && !directive.MatchString(text) {
			words = append(words, text)
		}
	}

	text := strings.Join(words, " ")
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i]
	}

	return strings.TrimSuffix(text, ".")
}

var directive = regexp.MustCompile(`^[a-z][a-z-]*\s*[:=]`)

type argument struct {
	name string
	pos  pkgtree.Position
}

var buildArg = regexp.MustCompile(`\bBUILD_ARG_([A-Za-z0-9_]+)`)

// arguments finds the build arguments that a document's templates name.
func arguments(raw []byte) []argument {
	var found []argument

	line := 0

	for text := range strings.Lines(string(raw)) {
		line++

		for _, match := range buildArg.FindAllStringSubmatch(text, -1) {
			found = append(found, argument{match[1], pkgtree.Position{Line: line}})
		}
	}

	return found
}

// describe wraps an error about the tree so that BuildKit shows it whole.
func describe(err error) error {
	var found document.Errors
	if errors.As(err, &found) {
		return fmt.Errorf("the package tree is not valid:\n%w", err)
	}

	return err
}
