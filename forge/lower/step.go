package lower

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// pkgDir is where instructions find the package directory.
const pkgDir = "/pkg"

// passedDir is where a test leaves nothing: its emptiness says that the test
// passed.
const passedDir = "/.passed"

// prelude begins every script: a failing command fails the instruction, as
// does a variable that is not set, and a failing command of a pipe.
const prelude = "set -eou pipefail\n"

func (p *pkg) step(root llb.State, index int) (llb.State, error) {
	s := &p.Steps[index]

	root, mounts, env, err := p.sources(root, s)
	if err != nil {
		return llb.State{}, err
	}

	root = root.Dir(s.Dir())

	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		root = root.AddEnv(name, s.Env[name])
	}

	if !p.Tree.Compatible() {
		mounts = append(mounts, p.pkgMount())
	}

	mounts = append(mounts, p.cacheMounts(s)...)
	mounts = append(mounts, secretMounts(s)...)

	work := root

	for _, variable := range env {
		if _, set := s.Env[variable[0]]; !set {
			work = work.AddEnv(variable[0], variable[1])
		}
	}

	common, err := p.setting(work)
	if err != nil {
		return llb.State{}, err
	}

	for _, phase := range s.Phases() {
		if work, err = p.phase(work, s, index, phase, common, mounts); err != nil {
			return llb.State{}, err
		}

		if phase.Name == "prepare" {
			if work, err = p.patches(work, index, common); err != nil {
				return llb.State{}, err
			}
		}
	}

	// Only the recipe's own environment carries on to the next step.
	root = root.WithOutput(work.Output())

	if s.SBOM == nil {
		return root, nil
	}

	text, err := json.MarshalIndent(spdx(p.Package.Package, s, p.l.opts.Epoch), "", " ")
	if err != nil {
		return llb.State{}, fmt.Errorf("write the SBOM of %s: %w", p.Name, err)
	}

	created := llb.WithCreatedTime(p.l.opts.Epoch)

	return root.File(
		llb.Mkdir(path.Dir(s.SBOM.OutputPath), 0o755, llb.WithParents(true), created).
			Mkfile(s.SBOM.OutputPath, 0o644, append(text, '\n'), created),
		append(p.named("sbom %s", s.SBOM.OutputPath), p.location(s.Pos, s.Pos))...), nil
}

// phase runs the instructions of one phase. Those of a detached phase run on a
// branch; root goes on from a copy of the branch's empty passedDir, which
// makes the test's success a condition of everything after it.
func (p *pkg) phase(
	root llb.State, s *pkgtree.Step, index int, phase pkgtree.Phase, common *setting, mounts []llb.RunOption,
) (llb.State, error) {
	branch := root

	var (
		passed llb.State
		err    error
	)

	for i, instruction := range phase.Instructions {
		name := fmt.Sprintf("%s %d/%d: %s", phase.Name, i+1, len(phase.Instructions), shown(instruction.Script))
		if len(p.Steps) > 1 {
			name = fmt.Sprintf("step %d %s", index+1, name)
		}

		opts := append(p.runOptions("%s", name), p.location(instruction.Pos, instruction.End),
			command{p.Tree.ShellOf(p.Package), "-c", prelude + instruction.Script},
			network(s.Network))

		extra := ""
		if phase.Detached && i == len(phase.Instructions)-1 {
			extra = passedDir
		}

		if branch, passed, err = p.run(branch, common, extra, append(opts, mounts...)...); err != nil {
			return llb.State{}, err
		}
	}

	switch {
	case !phase.Detached:
		return branch, nil
	case len(phase.Instructions) == 0:
		return root, nil
	default:
		return root.File(llb.Copy(passed, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true}), p.named("%s passed", phase.Name)...), nil
	}
}

func network(n pkgtree.Network) llb.RunOption {
	switch n {
	case pkgtree.NetworkDefault:
		return networking(pb.NetMode_UNSET)
	case pkgtree.NetworkHost:
		return networking(pb.NetMode_HOST)
	default:
		return networking(pb.NetMode_NONE)
	}
}

// cacheMounts gives the directories that survive from build to build. Each
// package has its own, so that none depends on what another left behind; in a
// compatible tree all packages share them.
func (p *pkg) cacheMounts(s *pkgtree.Step) []llb.RunOption {
	mounts := make([]llb.RunOption, 0, len(s.CachePaths))

	for _, dir := range s.CachePaths {
		id := path.Join(p.l.opts.CacheNamespace, "akmon", p.Name, tree.FormatPlatform(p.Platform), dir)
		if p.Tree.Compatible() {
			id = path.Join(p.l.opts.CacheNamespace, "akmon", dir)
		}

		mounts = append(mounts, &mount{target: dir, cacheID: id})
	}

	return mounts
}

// directory prepares the state with the package directory, if it has anything
// that recipes may look at.
func (p *pkg) directory() {
	if !p.HasFiles || len(p.Steps) == 0 && !finalizesPkg(p.Node) {
		return
	}

	var include []string

	exclude := []string{"**/.*", "**/" + pkgtree.PackageFile, "**/" + pkgtree.VarsFile}

	if p.Dir == "." {
		exclude = append(exclude, pkgtree.RootFile, "_out")
	} else {
		include = []string{escapePattern(p.Dir)}
	}

	// bldr takes the directory as it is.
	for _, nested := range p.Nested {
		if p.Tree.Compatible() {
			break
		}

		exclude = append(exclude, escapePattern(nested))
	}

	local := p.local("package directory "+p.Dir, "pkg-"+p.Dir, include, exclude)
	p.dir, p.dirPath = &local, path.Join("/", p.Dir)

	if len(p.Templates) == 0 {
		return
	}

	action := llb.Copy(local, p.dirPath, "/", &llb.CopyInfo{CopyDirContentsOnly: true, CreateDestPath: true})
	for _, t := range p.Templates {
		action = action.Mkfile(path.Join("/", t.Path), 0o644, t.Content, llb.WithCreatedTime(p.l.opts.Epoch))
	}

	rendered := llb.Scratch().File(action, p.named("templates")...)
	p.dir, p.dirPath = &rendered, "/"
}

// finalizesPkg tells whether one of the outputs takes files from the package
// directory itself.
func finalizesPkg(n *graph.Node) bool {
	all := n.Finalize
	for i := range n.Outputs {
		all = append(all[:len(all):len(all)], n.Outputs[i].Finalize...)
	}

	for _, f := range all {
		if _, inside := cutDir(f.From, pkgDir); inside || n.Tree.Compatible() && path.Join("/", f.From) == "/" {
			return true
		}
	}

	return false
}

// copyDirectory puts the package directory into the build of a compatible
// tree, where steps may change it and finalize takes it from.
func (p *pkg) copyDirectory(root llb.State) llb.State {
	if !p.Tree.Compatible() || len(p.Steps) == 0 && !finalizesPkg(p.Node) {
		return root
	}

	action := llb.Mkdir(pkgDir, 0o755, llb.WithParents(true), llb.WithCreatedTime(p.l.opts.Epoch))

	if p.dir != nil {
		action = action.Copy(*p.dir, p.dirPath, pkgDir, &llb.CopyInfo{
			CopyDirContentsOnly: true, CreateDestPath: true, ChownOpt: rootOwner(),
		})
	}

	return root.File(action, p.named("package directory")...)
}

// pkgMount mounts the package directory; an empty one where it has nothing.
func (p *pkg) pkgMount() llb.RunOption {
	if p.dir == nil {
		return &mount{target: pkgDir, readonly: true}
	}

	return &mount{target: pkgDir, source: p.dir.Output(), readonly: true, selector: p.dirPath}
}

// local is a part of the tree's files.
func (p *pkg) local(name, hint string, include, exclude []string) llb.State {
	return p.treeFiles(Files{Include: include, Exclude: exclude, Hint: hint}, p.named("%s", name))
}

// escapePattern makes a path a pattern that matches it alone.
func escapePattern(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(p)
}
